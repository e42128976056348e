#!/usr/bin/env bash
# GNU ld 2.40 for RISC-V (binutils-riscv64-unknown-elf, Debian 12) makes other code of a program when its assembly was
# assembled with -g, though the object's code is the same byte for byte.
#
# Where a distance just fits, `la` becomes one instruction relative to gp. How much room the linker leaves for what may
# still move depends on the largest alignment among all sections of the output, and those of debug information count:
# gas aligns .debug_aranges to 8 bytes, while the program's own sections here are aligned to 4. So an address at the end
# of gp's reach costs two instructions instead of one, and everything behind it moves. `ld -S`, which drops debug
# information, gives the code of the build without it.
#
# So a firmware image that must be reproduced from its sources may depend on -g of its start-up file, and lines for crash
# dumps of an image that is flashed already need assembly without -g.
#
# Output seen:
#   objects: same code
#   without -g: 8 bytes of code
#   with -g: 12 bytes of code
#   with -g, ld -S: 8 bytes of code
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq binutils-riscv64-unknown-elf=2.40-2+4+b1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
tool() { "$dir/root/usr/bin/riscv64-unknown-elf-$1" "${@:2}"; }

cat >start.s <<'ASM'
.globl _start
_start:
	la t0, variable
	j _start
	.p2align 2
.bss
	.p2align 2
variable:
	.zero 4
ASM
cat >program.ld <<'LD'
SECTIONS {
  .text 0x20000000 : { *(.text) }
  .bss 0x80000000 : { *(.bss) }
  __global_pointer$ = 0x80000000 + DISTANCE;
}
LD

assemble() { tool as -march=rv32i -mabi=ilp32 "$@"; }
assemble start.s -o plain.o
assemble -g start.s -o debug.o
code() { tool objcopy -O binary -j .text "$1" "$1.bin" && cat "$1.bin"; }
bytes() { code "$1" | wc -c; }
cmp <(code plain.o) <(code debug.o) && objects="objects: same code"

# The last distance that one instruction reaches in the build without debug information.
for distance in $(seq 2048 -1 2020); do
  sed "s/DISTANCE/$distance/" program.ld >here.ld
  tool ld -m elf32lriscv -T here.ld plain.o -o plain.elf
  short=$(bytes plain.elf)
  tool ld -m elf32lriscv -T here.ld debug.o -o debug.elf
  long=$(bytes debug.elf)
  [ "$short" -lt "$long" ] && break
done
tool ld -m elf32lriscv -S -T here.ld debug.o -o stripped.elf

seen="$objects
without -g: $short bytes of code
with -g: $long bytes of code
with -g, ld -S: $(bytes stripped.elf) bytes of code"
echo "$seen"
[ "$seen" = "objects: same code
without -g: 8 bytes of code
with -g: 12 bytes of code
with -g, ld -S: 8 bytes of code" ]
