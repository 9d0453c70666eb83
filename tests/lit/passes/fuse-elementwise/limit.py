# A group has 32 members at most; what is left makes a group of its own, and a second run finds nothing more.
# RUN: %python %s > %t.sqz
# RUN: %sqzc opt %t.sqz --passes=fuse-elementwise > %t.1.sqz && FileCheck %s < %t.1.sqz
# RUN: %sqzc opt %t.1.sqz --passes=fuse-elementwise | diff %t.1.sqz -
# CHECK: %v8 = sqz.Map(%x)
# CHECK: %v40 = sqz.Map(%v8)
# CHECK-NEXT: %v9 = Neg(%v8)
print("graph @main(%x: f32<5>) -> (%v40) {")
for i in range(1, 41):
    print(f"  %v{i} = Neg({f'%v{i - 1}' if i > 1 else '%x'}) : f32<5>")
print("}")
