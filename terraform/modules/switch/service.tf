resource "aws_security_group" "this" {
  name_prefix = "${local.service_name}-"
  description = "FreeSWITCH and its controller. Nobody reaches the event socket: it listens on loopback"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = local.service_name })

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  sip = { for pair in setproduct(["udp", "tcp"], [5060, 5080]) : "${pair[0]}-${pair[1]}" => { protocol = pair[0], port = pair[1] } }
}

resource "aws_vpc_security_group_ingress_rule" "sip" {
  for_each = local.sip

  security_group_id            = aws_security_group.this.id
  description                  = "SIP from the proxies"
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = var.proxy_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "load" {
  security_group_id            = aws_security_group.this.id
  description                  = "Proxies ask how busy it is"
  ip_protocol                  = "tcp"
  from_port                    = 8081
  to_port                      = 8081
  referenced_security_group_id = var.proxy_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "metrics" {
  for_each = var.metrics_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Metrics"
  ip_protocol                  = "tcp"
  from_port                    = 8081
  to_port                      = 8081
  referenced_security_group_id = each.value
}

# Ports as FreeSWITCH has them by default (FREESWITCH_RTP_FIRST_PORT, FREESWITCH_RTP_LAST_PORT).
resource "aws_vpc_security_group_ingress_rule" "media" {
  for_each = var.media_networks

  security_group_id = aws_security_group.this.id
  description       = "RTP from where there is no NAT between"
  ip_protocol       = "udp"
  from_port         = 16384
  to_port           = 32767
  cidr_ipv4         = each.value
}

# Carriers' SIP and RTP, customers' web servers: any address and port.
resource "aws_vpc_security_group_egress_rule" "all" {
  for_each = toset(["udp", "tcp"])

  security_group_id = aws_security_group.this.id
  description       = "SIP and RTP to carriers, HTTP to customers, AWS"
  ip_protocol       = each.value
  from_port         = each.value == "udp" ? 53 : 80
  to_port           = 65535
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_ecs_service" "this" {
  name                               = local.service_name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.capacity.minimum
  launch_type                        = var.ec2 == null ? "FARGATE" : null
  propagate_tags                     = "SERVICE"
  enable_ecs_managed_tags            = true
  enable_execute_command             = false
  availability_zone_rebalancing      = "DISABLED" # A task that has calls is not moved.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  tags                               = var.tags

  network_configuration {
    subnets          = values(var.private_subnets)
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  dynamic "capacity_provider_strategy" {
    for_each = aws_ecs_capacity_provider.this

    content {
      capacity_provider = capacity_provider_strategy.value.name
      weight            = 1
    }
  }

  # Over zones first, then few machines: those that are empty can go.
  dynamic "ordered_placement_strategy" {
    for_each = var.ec2 == null ? [] : [{ type = "spread", field = "attribute:ecs.availability-zone" }, { type = "binpack", field = "cpu" }]

    content {
      type  = ordered_placement_strategy.value.type
      field = ordered_placement_strategy.value.field
    }
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.api

    content {
      target_group_arn = load_balancer.value.arn
      container_name   = "controller"
      container_port   = 8081
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The autoscaling's business from now on, and the scaler's before an alert.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy.uses, aws_iam_role_policy.more, aws_lb_listener.api, aws_ecs_cluster_capacity_providers.this]
}
