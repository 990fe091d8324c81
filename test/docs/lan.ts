// The LAN that pages want behind a node's second NIC.

/**
 * What is behind a node's eth1: a LAN of 192.168.10.0/24 and fd00:10::/64, with a router that gives out addresses by DHCP (if udhcpd is
 * started with that conf) and leads to 203.0.113.1.
 */
export const LAN = `
ip netns add lan
ip link add eth1 type veth peer name lan0 netns lan
ip link set eth1 up
ip -n lan link set lan0 up
ip -n lan link set lo up
ip -n lan address add 192.168.10.1/24 dev lan0
ip -n lan -6 address add fd00:10::1/64 dev lan0 nodad
ip -n lan address add 203.0.113.1/32 dev lo
mkdir -p /run/lan
cat > /run/lan/udhcpd.conf <<end
start 192.168.10.200
end 192.168.10.220
interface lan0
lease_file /run/lan/leases
pidfile /run/lan/udhcpd.pid
option subnet 255.255.255.0
option router 192.168.10.1
end
touch /run/lan/leases
`;
