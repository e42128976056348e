#!/usr/bin/env bash
# Of one link line, GNU ld 2.40 makes a program at another address without a word, and ld.lld 14 refuses it.
#
# Both read the value of -Ttext as hexadecimal even without 0x, as their manuals say. Who passes the decimal number of
# 0x20000000, as a script does that computes it, asks for 0x536870912, which no 32-bit program can have. GNU ld cuts it to
# 32 bits and links at 0x36870914, the next multiple of 4, with exit code 0; lld says that the section exceeds the address space.
#
# So a build that computes the load address has to write it in hexadecimal, and to read the entry of what came out.
#
# Output seen:
#   GNU ld: exit code 0, entry 0x36870914
#   ld.lld: exit code 1, exceeds available address space
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq binutils-riscv64-unknown-elf=2.40-2+4+b1 lld-14=1:14.0.6-12 libllvm14=1:14.0.6-12 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
tool() { "$dir/root/usr/bin/riscv64-unknown-elf-$1" "${@:2}"; }

printf '.globl _start\n_start: j _start\n' >program.s
tool as -march=rv32im -mabi=ilp32 program.s -o program.o
address=$((0x20000000))

gnu=0
tool ld -m elf32lriscv -Ttext="$address" program.o -o gnu.elf || gnu=$?
entry=$(tool readelf -h gnu.elf | sed -n 's/ *Entry point address: *//p')
lld=0
"$dir/root/usr/lib/llvm-14/bin/ld.lld" -m elf32lriscv -Ttext="$address" program.o -o lld.elf 2>lld.txt || lld=$?
said=$(grep -o -m 1 'exceeds available address space' lld.txt || true)
printf 'GNU ld: exit code %s, entry %s\nld.lld: exit code %s, %s\n' "$gnu" "$entry" "$lld" "$said"
[ "$gnu" = 0 ] && [ "$entry" = 0x36870914 ] && [ "$lld" = 1 ] && [ -n "$said" ]
