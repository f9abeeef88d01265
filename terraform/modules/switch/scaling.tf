# Two reasons to grow: sessions, and CPU. What shrinks are tasks without calls alone, since those with calls are protected.

locals {
  scaling = {
    cpu = {
      target = var.capacity.cpu_target
      metric = null
    }
    sessions = {
      target = var.capacity.sessions_target
      metric = local.sessions_metric
    }
  }
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${split("/", var.cluster_arn)[1]}/${aws_ecs_service.this.name}"
  min_capacity       = var.capacity.minimum
  max_capacity       = var.capacity.maximum
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaling

  name               = each.key
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    dynamic "predefined_metric_specification" {
      for_each = each.value.metric == null ? [1] : []

      content {
        predefined_metric_type = "ECSServiceAverageCPUUtilization"
      }
    }

    # Each task says how many it has: their average is sessions per task.
    dynamic "customized_metric_specification" {
      for_each = each.value.metric == null ? [] : [each.value.metric]

      content {
        namespace   = var.metric_namespace
        metric_name = customized_metric_specification.value
        statistic   = "Average"

        dimensions {
          name  = "Service"
          value = local.service_name
        }
      }
    }
  }
}
