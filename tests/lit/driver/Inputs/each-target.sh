# each-target.sh SQZC MODEL OUTPUT: compiles for each row of `sqzc list targets` on the standard input.
while read -r arch cpu note; do
    case $arch in arm) abi=gnueabihf ;; *) abi=gnu ;; esac
    "$1" "$2" -o "$3" --target="$arch-linux-$abi" --mcpu="$cpu" || echo "failed: $arch $cpu"
done
