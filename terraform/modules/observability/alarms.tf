# What is worth waking somebody. Each alarm says what it means, and where it is written what to do.

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  proxies = {
    for listener, suffix in var.load_balancer.target_group_arn_suffixes :
    listener => { LoadBalancer = var.load_balancer.arn_suffix, TargetGroup = suffix }
  }
  switches = {
    ready = { namespace = var.switch.metric.namespace, name = "switchyard_controller_ready", dimensions = var.switch.metric.dimensions }
    link  = { namespace = var.switch.metric.namespace, name = "switchyard_controller_link_up", dimensions = var.switch.metric.dimensions }
  }

  # `missing`: what it means that nothing is reported. `minutes`: for how long it has to be so, or for
  # so many periods of `period` seconds, `of` of which are enough.
  alarms = merge(
    {
      for listener, dimensions in local.proxies : "no-proxy-${listener}" => {
        means   = "No proxy is ready at ${listener}: calls are not answered."
        runbook = "operations.md#how-do-i-see-whether-it-is-well"
        metric  = { namespace = "AWS/NetworkELB", name = "HealthyHostCount", dimensions = dimensions }
        when    = "LessThanThreshold", threshold = 1, statistic = "Minimum", minutes = 1, missing = "breaching"
      }
    },
    {
      for listener, dimensions in local.proxies : "proxy-unhealthy-${listener}" => {
        means   = "A proxy is not ready at ${listener}; the others go on."
        runbook = "operations.md#how-do-i-see-whether-it-is-well"
        metric  = { namespace = "AWS/NetworkELB", name = "UnHealthyHostCount", dimensions = dimensions }
        when    = "GreaterThanThreshold", threshold = 0, statistic = "Maximum", minutes = 5, missing = "notBreaching"
      }
    },
    {
      for zone, id in var.nat_gateway_ids : "nat-ports-${zone}" => {
        means   = "The NAT gateway of ${zone} has no port left towards some far end: RTP is lost."
        runbook = "deploy-aws.md#what-do-the-alarms-mean"
        metric  = { namespace = "AWS/NATGateway", name = "ErrorPortAllocation", dimensions = { NatGatewayId = id } }
        when    = "GreaterThanThreshold", threshold = 0, statistic = "Sum", minutes = 1, missing = "notBreaching"
      }
    },
    {
      no-active-target = {
        means   = "The snapshot has no active target: the proxies answer 500."
        runbook = "deploy-aws.md#what-do-the-alarms-mean"
        metric  = merge({ name = "ActiveTargets" }, var.scaler.metrics)
        when    = "LessThanThreshold", threshold = 1, statistic = "Maximum", minutes = 2, missing = "breaching"
      }
      no-switch-ready = {
        means   = "No controller takes calls: FreeSWITCH refuses them, and the proxies answer 500."
        runbook = "switch-controller.md#what-can-i-watch"
        metric  = local.switches.ready
        when    = "LessThanThreshold", threshold = 1, statistic = "Maximum", minutes = 2, missing = "breaching"
      }
      controller-without-switch = {
        means   = "A controller has lost its FreeSWITCH: calls to it fail until it is back."
        runbook = "switch-controller.md#what-can-i-watch"
        metric  = local.switches.link
        when    = "LessThanThreshold", threshold = 1, statistic = "Minimum", minutes = 5, missing = "notBreaching"
      }
      room-is-short = {
        means   = "Nine tenths of all sessions are taken: what comes next may be refused."
        runbook = "deploy-aws.md#what-do-the-alarms-mean"
        metric  = var.switch.metric
        when    = "GreaterThanThreshold", threshold = floor(var.switch.sessions * 0.9), statistic = "Average", minutes = 1, missing = "notBreaching"
      }
      fleet-at-its-maximum = {
        means   = "There are as many switches as are allowed: the fleet grows no further."
        runbook = "deploy-aws.md#what-do-the-alarms-mean"
        metric = {
          namespace  = "ECS/ContainerInsights", name = "RunningTaskCount"
          dimensions = { ClusterName = var.cluster_name, ServiceName = var.switch.service_name }
        }
        when = "GreaterThanOrEqualToThreshold", threshold = var.switch.maximum, statistic = "Maximum", minutes = 5, missing = "notBreaching"
      }
      events-lost = {
        means   = "Events or runs of the scaler have failed to the last; the schedule repairs what they were about."
        runbook = "deploy-aws.md#what-do-the-alarms-mean"
        # What comes to the queue, not what lies there: that would be red until somebody purges it, and hide what comes next. SQS
        # is up to 15 minutes late for a queue that was idle: one of the last four quarters of an hour is enough.
        metric = { namespace = "AWS/SQS", name = "NumberOfMessagesSent", dimensions = { QueueName = var.scaler.failed_queue_name } }
        when   = "GreaterThanThreshold", threshold = 0, statistic = "Sum", minutes = 4, period = 900, of = 1, missing = "notBreaching"
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.means} ${var.runbook_url}/${each.value.runbook}"
  namespace           = each.value.metric.namespace
  metric_name         = each.value.metric.name
  dimensions          = each.value.metric.dimensions
  comparison_operator = each.value.when
  threshold           = each.value.threshold
  statistic           = each.value.statistic
  period              = try(each.value.period, 60)
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = try(each.value.of, each.value.minutes)
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

# The schedule runs every minute: five minutes without a run that succeeded, and nobody knows whether the snapshot is still true. How
# old it is says nothing: it is written when something changes.
resource "aws_cloudwatch_metric_alarm" "scaler_fails" {
  alarm_name          = "${var.name}-scaler-fails"
  alarm_description   = "No run of the scaler has succeeded for five minutes, so nobody has confirmed the snapshot: new tasks get no calls, stopped ones are found by probes alone. ${var.runbook_url}/deploy-aws.md#what-do-the-alarms-mean"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  metric_query {
    id          = "succeeded"
    label       = "Runs that succeeded"
    expression  = "runs - errors"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { runs = "Invocations", errors = "Errors" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        dimensions  = { FunctionName = var.scaler.function_name }
        period      = 60
        stat        = "Sum"
      }
    }
  }
}
