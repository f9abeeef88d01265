resource "aws_security_group" "this" {
  name_prefix = "${var.name}-proxy-"
  description = "Proxies: SIP between carriers and FreeSWITCH"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-proxy" })

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # Port and transport of everything that speaks SIP here.
  sip = merge(
    { for pair in setproduct(["udp", "tcp"], [5060, 5080]) : "${pair[0]}-${pair[1]}" => { protocol = pair[0], port = pair[1] } },
    var.tls == null ? {} : { "tcp-5061" = { protocol = "tcp", port = 5061 } },
  )
  from_switches = { for name, transport in local.sip : name => transport if transport.port != 5061 }
}

resource "aws_vpc_security_group_ingress_rule" "carriers" {
  for_each = local.sip

  security_group_id            = aws_security_group.this.id
  description                  = "SIP from carriers, as the load balancer lets it in"
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = var.load_balancer_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "health" {
  security_group_id            = aws_security_group.this.id
  description                  = "Health checks"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = var.load_balancer_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "switches" {
  for_each = local.from_switches

  security_group_id            = aws_security_group.this.id
  description                  = "SIP from FreeSWITCH"
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = var.switch_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "metrics" {
  for_each = var.metrics_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Metrics"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = each.value
}

# A carrier's Contact may name any port, and its answers go where its Via says.
resource "aws_vpc_security_group_egress_rule" "sip" {
  for_each = toset(["udp", "tcp"])

  security_group_id = aws_security_group.this.id
  description       = "SIP to carriers and FreeSWITCH, DNS, the target list, images"
  ip_protocol       = each.value
  from_port         = each.value == "udp" ? 53 : 443
  to_port           = 65535
  cidr_ipv4         = "0.0.0.0/0"
}

# What the load balancer sends.
resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  for_each = merge(local.sip, { health = { protocol = "tcp", port = 8080 } })

  security_group_id            = var.load_balancer_security_group_id
  description                  = "To the proxies"
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = aws_security_group.this.id
}

# proxy.NAMESPACE: the proxies that are healthy, by ECS's account.
resource "aws_service_discovery_service" "this" {
  name = "proxy"
  tags = var.tags

  dns_config {
    namespace_id   = var.namespace.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 5
    }
  }

  health_check_custom_config {}
}

resource "aws_ecs_service" "this" {
  name                               = "${var.name}-proxy"
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.tasks.minimum
  launch_type                        = "FARGATE"
  propagate_tags                     = "SERVICE"
  enable_ecs_managed_tags            = true
  enable_execute_command             = false
  availability_zone_rebalancing      = "ENABLED"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30
  tags                               = var.tags

  network_configuration {
    subnets          = values(var.private_subnets)
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = { for name, group in var.target_groups : name => group if name != "tls" || var.tls != null }

    content {
      target_group_arn = load_balancer.value.arn
      container_name   = "proxy"
      container_port   = load_balancer.value.port
    }
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this.arn
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The autoscaling's business from now on.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_iam_role_policy.task]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${split("/", var.cluster_arn)[1]}/${aws_ecs_service.this.name}"
  min_capacity       = var.tasks.minimum
  max_capacity       = var.tasks.maximum
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.tasks.cpu_target
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
