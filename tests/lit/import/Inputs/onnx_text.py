"""onnx_text.py FILE...: makes FILE.onnx of each model in ONNX's text syntax, where '#' begins a comment."""

import sys

import onnx
import onnx.parser

for path in sys.argv[1:]:
    with open(path) as file:
        onnx.save(onnx.parser.parse_model(file.read()), path + ".onnx")
