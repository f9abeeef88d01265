# One address in each zone, and SIP on it: a network load balancer passes on packets with the carrier's own address.

locals {
  # UDP and TCP have to share a listener: one port cannot have two. TLS is TCP to the load balancer.
  listeners = merge(
    {
      sip         = { port = 5060, protocol = "TCP_UDP" }
      alternative = { port = 5080, protocol = "TCP_UDP" }
    },
    var.tls ? { tls = { port = 5061, protocol = "TCP" } } : {},
  )

  # What security groups and accelerators call the parts of a listener.
  transports = merge([
    for name, listener in local.listeners : {
      for protocol in split("_", lower(listener.protocol)) : "${name}-${protocol}" => { port = listener.port, protocol = protocol }
    }
  ]...)

  from_carriers = {
    for pair in setproduct(keys(local.transports), var.carriers) :
    "${pair[0]} ${pair[1]}" => merge(local.transports[pair[0]], { cidr = pair[1] })
  }
}

resource "aws_eip" "this" {
  #checkov:skip=CKV2_AWS_19:They are the load balancer's

  for_each = var.public_subnets

  domain = "vpc"
  tags   = merge(var.tags, { Name = "${var.name}-sip-${each.key}" })
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-load-balancer-"
  description = "SIP from carriers"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-load-balancer" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "carrier" {
  for_each = local.from_carriers

  security_group_id = aws_security_group.this.id
  description       = "SIP from a carrier"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.cidr
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:A network load balancer logs TLS that it terminates itself, and nothing else; the proxies log calls
  #checkov:skip=CKV_AWS_150:deletion_protection is on unless somebody tries it out (examples/minimal)

  name                             = var.name
  load_balancer_type               = "network"
  internal                         = false
  security_groups                  = [aws_security_group.this.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = merge(var.tags, { Name = var.name })

  dynamic "subnet_mapping" {
    for_each = var.public_subnets

    content {
      subnet_id     = subnet_mapping.value
      allocation_id = aws_eip.this[subnet_mapping.key].allocation_id
    }
  }
}

resource "aws_lb_target_group" "this" {
  for_each = local.listeners

  name                   = "${var.name}-${each.key}"
  vpc_id                 = var.vpc_id
  target_type            = "ip"
  protocol               = each.value.protocol
  port                   = each.value.port
  preserve_client_ip     = true
  connection_termination = true
  deregistration_delay   = var.deregistration_delay
  tags                   = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # UDP cannot be checked. The proxy says no as soon as it drains, and until it has a target list.
  health_check {
    protocol            = "HTTP"
    port                = "8080"
    path                = "/readyz"
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "this" {
  #checkov:skip=CKV_AWS_2:SIP, not HTTP; TLS is the proxies' own
  #checkov:skip=CKV_AWS_103:The same

  for_each = local.listeners

  load_balancer_arn = aws_lb.this.arn
  protocol          = each.value.protocol
  port              = each.value.port
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_route53_record" "this" {
  count = var.dns == null ? 0 : 1

  zone_id = var.dns.zone_id
  name    = var.dns.name
  type    = "A"
  ttl     = 60
  records = var.global_accelerator ? aws_globalaccelerator_accelerator.this[0].ip_sets[0].ip_addresses : [for eip in aws_eip.this : eip.public_ip]
}
