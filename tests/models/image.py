"""Photos as input of the Caffe-trained SqueezeNets: image.py PHOTO... [-o FOLDER] writes FOLDER/<name>.npy."""

import argparse
import importlib.util
import os

import numpy as np
from PIL import Image

MEAN_BGR = np.array([104, 117, 123], np.float32)


def caffe(path, crop=227):
    """1x3xCROPxCROP: resized to 256x256, centre crop, BGR minus the mean."""
    image = Image.open(path).convert("RGB")
    if image.size != (256, 256):
        image = image.resize((256, 256), Image.BILINEAR)
    edge = (256 - crop) // 2
    pixels = np.asarray(image, np.float32)[edge:edge + crop, edge:edge + crop, ::-1] - MEAN_BGR
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def efficientnet(path, crop=224):
    """1x3xCROPxCROP: resized to 256x256, centre crop, (RGB - 127) / 128."""
    image = Image.open(path).convert("RGB").resize((256, 256), Image.BILINEAR)
    edge = (256 - crop) // 2
    pixels = (np.asarray(image, np.float32)[edge:edge + crop, edge:edge + crop] - 127) / 128
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def sample(name):
    """The path of a photo that scikit-image brings: coffee, chelsea, motorcycle_left."""
    folder = os.path.dirname(importlib.util.find_spec("skimage").origin)
    return os.path.join(folder, "data", name + ".png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", help="files, or names of scikit-image's photos")
    parser.add_argument("-o", "--output", default=".", help="folder for the .npy files")
    parser.add_argument("--ppm", action="store_true", help="write the photo as PPM instead")
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    for photo in options.photos:
        path = photo if os.path.exists(photo) else sample(photo)
        target = os.path.join(options.output, os.path.splitext(os.path.basename(path))[0])
        if options.ppm:
            Image.open(path).convert("RGB").save(target + ".ppm")
        else:
            np.save(target + ".npy", caffe(path))


if __name__ == "__main__":
    main()
