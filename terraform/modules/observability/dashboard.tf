data "aws_region" "current" {}

locals {
  # Title and lines: a line is namespace, metric, dimensions and what is drawn of it.
  graphs = [
    {
      title = "Sessions of a task"
      lines = [
        for statistic in ["Average", "Maximum"] :
        { metric = var.switch.metric, statistic = statistic, label = lower(statistic) }
      ]
    },
    {
      title = "Targets in the snapshot"
      lines = [
        for name in ["ActiveTargets", "DrainingTargets"] :
        { metric = merge({ name = name }, var.scaler.metrics), statistic = "Maximum", label = name }
      ]
    },
    {
      title = "Tasks that run"
      lines = [
        for service in [var.switch.service_name, var.proxy_service_name] : {
          metric    = { namespace = "ECS/ContainerInsights", name = "RunningTaskCount", dimensions = { ClusterName = var.cluster_name, ServiceName = service } }
          statistic = "Maximum"
          label     = service
        }
      ]
    },
    {
      title = "CPU, per cent"
      lines = [
        for service in [var.switch.service_name, var.proxy_service_name] : {
          metric    = { namespace = "AWS/ECS", name = "CPUUtilization", dimensions = { ClusterName = var.cluster_name, ServiceName = service } }
          statistic = "Average"
          label     = service
        }
      ]
    },
    {
      title = "Proxies that are ready"
      lines = [
        for listener, dimensions in local.proxies :
        { metric = { namespace = "AWS/NetworkELB", name = "HealthyHostCount", dimensions = dimensions }, statistic = "Minimum", label = listener }
      ]
    },
    {
      title = "SIP, packets in a minute"
      lines = [{
        metric    = { namespace = "AWS/NetworkELB", name = "ProcessedPackets", dimensions = { LoadBalancer = var.load_balancer.arn_suffix } }
        statistic = "Sum"
        label     = "packets"
      }]
    },
    {
      title = "Scaler"
      lines = concat(
        [
          for name in ["Invocations", "Errors"] :
          { metric = { namespace = "AWS/Lambda", name = name, dimensions = { FunctionName = var.scaler.function_name } }, statistic = "Sum", label = lower(name) }
        ],
        [{
          metric    = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = var.scaler.failed_queue_name } }
          statistic = "Maximum"
          label     = "failed"
        }],
      )
    },
    {
      title = "NAT gateways, packets out in a minute"
      lines = [
        for zone, id in var.nat_gateway_ids :
        { metric = { namespace = "AWS/NATGateway", name = "PacketsOutToDestination", dimensions = { NatGatewayId = id } }, statistic = "Sum", label = zone }
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, graph in local.graphs : {
        type   = "metric"
        x      = (index % 2) * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title  = graph.title
          region = data.aws_region.current.region
          period = 60
          view   = "timeSeries"
          metrics = [for line in graph.lines : concat(
            [line.metric.namespace, line.metric.name],
            flatten([for name, value in line.metric.dimensions : [name, value]]),
            [{ stat = line.statistic, label = line.label }],
          )]
        }
      }],
      [{
        type   = "alarm"
        x      = 0
        y      = 24
        width  = 24
        height = 4
        properties = {
          title  = "Alarms"
          alarms = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn], [aws_cloudwatch_metric_alarm.scaler_fails.arn])
        }
      }],
    )
  })
}
