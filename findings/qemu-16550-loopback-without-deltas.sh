#!/usr/bin/env bash
# The 16550 of QEMU 7.2 (`-machine virt`, Debian 12) is not the one of the data sheet where a driver's self-test looks.
#
# National's PC16550D data sheet: the modem control register is 0 after a reset (table I), and in loopback its lower four bits
# take the place of the modem's lines, with the modem status interrupts still working, so a change of DTR shows as DSR and as
# its delta bit (MSR bit 1). On QEMU the register reads 8 (OUT2) after a reset, and in loopback MSR has the lines right but
# never a delta bit. A model that follows the data sheet therefore differs from QEMU at the first read of either register,
# and a driver that was only tried on QEMU may wait for a delta that hardware gives, or not expect one.
#
# Output seen (MCR at reset, MSR in loopback, MSR after DTR was raised):
#   QEMU:       08 00 20
#   data sheet: 00 00 22
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
	li t0, 0x10000000	# UART: MCR at 4, MSR at 6
	lbu s0, 4(t0)
	li t1, 0x10		# loopback
	sb t1, 4(t0)
	lbu s1, 6(t0)
	li t1, 0x11		# and DTR
	sb t1, 4(t0)
	lbu s2, 6(t0)
	sb zero, 4(t0)
	mv a0, s0
	jal byte
	mv a0, s1
	jal byte
	mv a0, s2
	jal byte
	li t1, 0x100000		# the finisher: pass
	li t2, 0x5555
	sw t2, 0(t1)
stay:	j stay
byte:	srli t1, a0, 4
	mv s3, ra
	jal digit
	andi t1, a0, 15
	jal digit
	li t1, ' '
	sb t1, 0(t0)
	jr s3
digit:	addi t1, t1, '0'
	sb t1, 0(t0)
	ret
ASM
root/usr/bin/riscv64-unknown-elf-as -march=rv32im -mabi=ilp32 program.s -o program.o
root/usr/bin/riscv64-unknown-elf-ld -m elf32lriscv -Ttext=0x80000000 program.o -o program.elf
seen=$(timeout 20 root/usr/bin/qemu-system-riscv32 -machine virt -bios none -display none -monitor none -serial stdio \
	-kernel program.elf </dev/null)
printf 'QEMU:       %s\n' "$seen"
[ "${seen% }" = "08 00 20" ]
