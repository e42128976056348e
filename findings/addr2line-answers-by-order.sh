#!/usr/bin/env bash
# GNU addr2line 2.40 (binutils-riscv64-unknown-elf, Debian 12) gives one address two names, by what was asked before it.
#
# A function of 16 bytes, `outer`, holds the entry of a smaller weak one, `inner`, at its offset 8, as hand-written assembly
# and C libraries have it. Asked for the address of `inner` alone, addr2line says `inner`, as llvm-symbolizer 14 does. Asked
# for `outer` first, in the same call, it says `outer` twice: it keeps the last function that it found, and looks no further
# while the next address lies in that one.
#
# So whoever compares names with addr2line must ask each address in a call of its own, or for another section in between;
# and a backtrace through one addr2line process may name the wrong function.
#
# Output seen:
#   alone: inner
#   after outer: outer
#   llvm-symbolizer: inner
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq binutils-riscv64-unknown-elf=2.40-2+4+b1 llvm-14=1:14.0.6-12 libllvm14=1:14.0.6-12 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
tool() { "$dir/root/usr/bin/riscv64-unknown-elf-$1" "${@:2}"; }

cat >program.s <<'ASM'
.globl outer, _start
.weak inner
.type outer, @function
outer:
	.word 0x13
	.word 0x13
.type inner, @function
inner:
	.word 0x13
	.word 0x8067
.size inner, 8
.size outer, 16
_start:
	j _start
ASM
tool as -march=rv32im -mabi=ilp32 program.s -o program.o
tool ld -m elf32lriscv -Ttext=0x80000000 program.o -o program.elf

alone=$(tool addr2line -f -e program.elf 0x80000008 | head -n 1)
after=$(tool addr2line -f -e program.elf 0x80000000 0x80000008 | sed -n 3p)
llvm=$("$dir/root/usr/lib/llvm-14/bin/llvm-symbolizer" -e program.elf 0x80000008 | head -n 1)
printf 'alone: %s\nafter outer: %s\nllvm-symbolizer: %s\n' "$alone" "$after" "$llvm"
[ "$alone" = inner ] && [ "$after" = outer ] && [ "$llvm" = inner ]
