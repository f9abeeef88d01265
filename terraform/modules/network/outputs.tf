output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its IPv4 network."
  value       = var.cidr
}

output "public_subnets" {
  description = "Subnet of load balancers and NAT, by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_subnets" {
  description = "Subnet of tasks, by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "private_cidrs" {
  description = "Networks of tasks, by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block }
}

output "nat_gateway_addresses" {
  description = "Address that a zone's traffic shows, by zone: carriers have to let it in."
  value       = { for zone, _ in local.zones : zone => aws_eip.nat_gateway[var.nat_gateway_per_zone ? zone : var.zones[0]].public_ip }
}

output "nat_instance_addresses" {
  description = "Address that a zone's traffic shows to the carriers of nat_instance, by zone; empty without."
  value       = { for zone, eip in aws_eip.nat_instance : zone => eip.public_ip }
}

output "nat_gateway_ids" {
  description = "NAT gateways, by zone; fewer than zones where one serves all."
  value       = { for zone, gateway in aws_nat_gateway.this : zone => gateway.id }
}
