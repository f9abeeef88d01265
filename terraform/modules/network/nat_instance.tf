# Carriers that send RTP to the port that SDP names, whatever port it comes from, need a NAT that keeps ports. Linux does, as
# long as no two flows to the same far end have the same port.

locals {
  nat_instances = var.nat_instance == null ? {} : local.zones
  carrier_routes = {
    for pair in setproduct(keys(local.nat_instances), var.nat_instance == null ? [] : var.nat_instance.carriers) :
    "${pair[0]} ${pair[1]}" => { zone = pair[0], cidr = pair[1] }
  }
}

data "aws_ssm_parameter" "nat_instance_image" {
  count = var.nat_instance == null ? 0 : 1

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_security_group" "nat_instance" {
  count = var.nat_instance == null ? 0 : 1

  name_prefix = "${var.name}-nat-instance-"
  description = "NAT instances: what the VPC sends to carriers"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-nat-instance" })

  lifecycle {
    create_before_destroy = true
  }
}

# Without a port range: SIP, RTP and what else tasks send to these networks. Nothing is let in from outside.
resource "aws_vpc_security_group_ingress_rule" "nat_instance" {
  for_each = local.nat_instances

  security_group_id = aws_security_group.nat_instance[0].id
  description       = "What the tasks of ${each.key} send to carriers"
  ip_protocol       = "udp"
  from_port         = 1024
  to_port           = 65535
  cidr_ipv4         = aws_subnet.private[each.key].cidr_block
}

resource "aws_vpc_security_group_ingress_rule" "nat_instance_tcp" {
  for_each = local.nat_instances

  security_group_id = aws_security_group.nat_instance[0].id
  description       = "The same over TCP: SIP"
  ip_protocol       = "tcp"
  from_port         = 5060
  to_port           = 5081
  cidr_ipv4         = aws_subnet.private[each.key].cidr_block
}

resource "aws_vpc_security_group_egress_rule" "nat_instance" {
  for_each = toset(var.nat_instance == null ? [] : var.nat_instance.carriers)

  security_group_id = aws_security_group.nat_instance[0].id
  description       = "To a carrier"
  ip_protocol       = "-1"
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "nat_instance_packages" {
  count = var.nat_instance == null ? 0 : 1

  security_group_id = aws_security_group.nat_instance[0].id
  description       = "Its packages, at the first start"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# An interface of its own: the routes stay when the instance is replaced.
resource "aws_network_interface" "nat_instance" {
  for_each = local.nat_instances

  subnet_id         = aws_subnet.public[each.key].id
  security_groups   = [aws_security_group.nat_instance[0].id]
  source_dest_check = false
  tags              = merge(var.tags, { Name = "${var.name}-nat-instance-${each.key}" })
}

resource "aws_eip" "nat_instance" {
  for_each = local.nat_instances

  domain            = "vpc"
  network_interface = aws_network_interface.nat_instance[each.key].id
  tags              = merge(var.tags, { Name = "${var.name}-nat-instance-${each.key}" })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_instance" "nat" {
  #checkov:skip=CKV2_AWS_41:It has nothing to do in AWS, so it may do nothing

  for_each = local.nat_instances

  ami           = data.aws_ssm_parameter.nat_instance_image[0].insecure_value
  instance_type = var.nat_instance.instance_type
  user_data     = file("${path.module}/nat_instance.sh")
  ebs_optimized = true
  monitoring    = true
  tags          = merge(var.tags, { Name = "${var.name}-nat-instance-${each.key}" })

  primary_network_interface {
    network_interface_id = aws_network_interface.nat_instance[each.key].id
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  root_block_device {
    encrypted = true
  }

  # A newer image is no reason to cut calls: replace one zone at a time, with -replace.
  lifecycle {
    ignore_changes = [ami]
  }

  # Without its address it cannot fetch packages.
  depends_on = [aws_eip.nat_instance, aws_route.internet]
}

resource "aws_route" "carrier" {
  for_each = local.carrier_routes

  route_table_id         = aws_route_table.private[each.value.zone].id
  destination_cidr_block = each.value.cidr
  network_interface_id   = aws_network_interface.nat_instance[each.value.zone].id
}
