#!/usr/bin/env bash
# The CFI flash of QEMU 7.2 (`-machine virt`, pflash_cfi01, command set 0001, Debian 12) forgives what a chip does not: a loader
# that was only tried on it may brick on hardware, and a model by the data sheets differs from it.
#
# Intel's data sheets of this command set (StrataFlash J3, P30): programming takes bits from 1 to 0 and never back; a block is
# erased by two commands, 0x20 and then 0xD0 to the same block, and another second command is a sequence error (status bits 4
# and 5) that leaves the block as it was; 0x50 clears the error bits, and bit 7, the chip is ready, stays 1. On QEMU programming
# stores the word as it is, ones over zeros, too; 0x20 alone has the block erased, whatever follows; and after 0x50 bit 7 is 0,
# until something else sets it.
#
# Output seen (a word programmed with 0 and then with ones; a word of a block after 0x20 and 0xFF; status after 0x50):
#   QEMU:       ff ff 00
#   data sheet: 00 00 80
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# QEMU, and the libraries that it is linked with.
apt-get download -qq qemu-system-misc=1:7.2+dfsg-7+deb12u18+b3 binutils-riscv64-unknown-elf=2.40-2+4+b1 libaio1 libbpf1 \
	libcapstone4 libdaxctl1 libelf1 libfdt1 libglib2.0-0 libgmp10 libgnutls30 libhogweed6 libibverbs1 libidn2-0 \
	libjpeg62-turbo libkmod2 libndctl6 libnettle8 libnl-3-200 libnl-route-3-200 libnuma1 libp11-kit0 libpcre2-8-0 libpixman-1-0 \
	libpmem1 libpng16-16 librdmacm1 libsasl2-2 libseccomp2 libslirp0 libssl3 libtasn1-6 libunistring2 liburing2 libvdeplug2 \
	libffi8 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu

cat >program.s <<'ASM'
.globl _start
_start:
	li t0, 0x10000000	# UART
	li s0, 0x20000000	# flash: two chips of 16 bits side by side
	li s1, 0x00400040	# program a word
	li s2, -1		# read the array
	li s3, 0x00200020	# erase a block
	li s4, 0x00d000d0	# confirmed
	li s5, 0x00500050	# clear the status
	li s6, 0x00700070	# read the status

	sw s3, 0(s0)		# the block is erased as it should be
	sw s4, 0(s0)
	sw s1, 0(s0)
	sw zero, 0(s0)
	sw s1, 0(s0)
	sw s2, 0(s0)
	sw s2, 0(s0)
	lbu a0, 0(s0)
	jal byte

	sw s1, 4(s0)
	sw zero, 4(s0)
	sw s3, 0(s0)		# no confirmation follows
	sw s2, 0(s0)
	sw s2, 0(s0)
	lbu a0, 4(s0)
	jal byte

	sw s5, 0(s0)
	sw s6, 0(s0)
	lbu a0, 0(s0)
	jal byte
	sw s2, 0(s0)

	li t1, 0x100000		# the finisher: pass
	li t2, 0x5555
	sw t2, 0(t1)
stay:	j stay
byte:	srli t1, a0, 4
	mv s11, ra
	jal digit
	andi t1, a0, 15
	jal digit
	li t1, ' '
	sb t1, 0(t0)
	jr s11
digit:	li t2, 10
	blt t1, t2, number
	addi t1, t1, 'a' - '0' - 10
number:	addi t1, t1, '0'
	sb t1, 0(t0)
	ret
ASM
root/usr/bin/riscv64-unknown-elf-as -march=rv32im -mabi=ilp32 program.s -o program.o
root/usr/bin/riscv64-unknown-elf-ld -m elf32lriscv -Ttext=0x80000000 program.o -o program.elf
seen=$(timeout 20 root/usr/bin/qemu-system-riscv32 -machine virt -bios none -display none -monitor none -serial stdio \
	-kernel program.elf </dev/null)
printf 'QEMU:       %s\n' "$seen"
[ "${seen% }" = "ff ff 00" ]
