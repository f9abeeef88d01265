# The calls API inside the VPC. An answer names the task that has the call (`host`): what follows goes there directly.

locals {
  api = var.api == null ? {} : { api = var.api }
}

resource "aws_security_group" "api" {
  #checkov:skip=CKV2_AWS_5:The load balancer has it, where there is one

  for_each = local.api

  name_prefix = "${var.name}-api-"
  description = "The calls API"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-api" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  for_each = toset(var.api == null ? [] : var.api.clients)

  security_group_id = aws_security_group.api["api"].id
  description       = "Those who make calls"
  ip_protocol       = "tcp"
  from_port         = var.api.certificate_arn == null ? 80 : 443
  to_port           = var.api.certificate_arn == null ? 80 : 443
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "api" {
  for_each = local.api

  security_group_id            = aws_security_group.api["api"].id
  description                  = "To the controllers"
  ip_protocol                  = "tcp"
  from_port                    = 8081
  to_port                      = 8081
  referenced_security_group_id = aws_security_group.this.id
}

resource "aws_vpc_security_group_ingress_rule" "controller" {
  for_each = local.api

  security_group_id            = aws_security_group.this.id
  description                  = "The calls API, by its load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 8081
  to_port                      = 8081
  referenced_security_group_id = aws_security_group.api["api"].id
}

# What concerns a call that is there goes to its task.
resource "aws_vpc_security_group_ingress_rule" "controller_directly" {
  for_each = toset(var.api == null ? [] : var.api.clients)

  security_group_id = aws_security_group.this.id
  description       = "Those who make calls, to the task that has one"
  ip_protocol       = "tcp"
  from_port         = 8081
  to_port           = 8081
  cidr_ipv4         = each.value
}

resource "aws_lb" "api" {
  #checkov:skip=CKV_AWS_91:It is inside the VPC, and the controllers log each call
  #checkov:skip=CKV_AWS_150:deletion_protection is on unless somebody tries it out (examples/minimal)

  for_each = local.api

  name                       = "${var.name}-api"
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.api["api"].id]
  subnets                    = values(var.private_subnets)
  drop_invalid_header_fields = true
  enable_deletion_protection = each.value.deletion_protection
  tags                       = merge(var.tags, { Name = "${var.name}-api" })
}

resource "aws_lb_target_group" "api" {
  #checkov:skip=CKV_AWS_378:The controllers speak HTTP; from the load balancer to them it stays inside the VPC

  for_each = local.api

  name                          = "${var.name}-api"
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = 8081
  deregistration_delay          = 10
  load_balancing_algorithm_type = "least_outstanding_requests"
  tags                          = merge(var.tags, { Name = "${var.name}-api" })

  # Whether it lives, not whether it is ready, and with patience: ECS ends a task that fails here, with all its calls. One that
  # takes no calls says 503 to those who want to make one.
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 30
    timeout             = 10
    healthy_threshold   = 2
    unhealthy_threshold = 10
  }
}

resource "aws_lb_listener" "api" {
  for_each = local.api

  load_balancer_arn = aws_lb.api["api"].arn
  protocol          = each.value.certificate_arn == null ? "HTTP" : "HTTPS"
  port              = each.value.certificate_arn == null ? 80 : 443
  certificate_arn   = each.value.certificate_arn
  ssl_policy        = each.value.certificate_arn == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api["api"].arn
  }
}
