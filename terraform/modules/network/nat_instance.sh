#!/bin/sh
# First start of a NAT instance: forwards for the VPC and shows its own address, with the source port kept.
set -eu

command -v nft >/dev/null || dnf install --assumeyes nftables

cat >/etc/sysctl.d/90-nat.conf <<'SYSCTL'
net.ipv4.ip_forward = 1
net.netfilter.nf_conntrack_max = 262144
# RTP on hold is silent for a while; its port has to stay.
net.netfilter.nf_conntrack_udp_timeout_stream = 300
SYSCTL

cat >/etc/sysconfig/nftables.conf <<'NFT'
flush ruleset
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        # No port range is named: the source port is kept unless another flow to the same far end has it.
        masquerade
    }
}
NFT

# Connection tracking has no settings before its module is there.
echo nf_conntrack >/etc/modules-load.d/nat.conf
modprobe nf_conntrack
sysctl --system
systemctl enable --now nftables
