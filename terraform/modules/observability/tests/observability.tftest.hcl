mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name         = "exchange"
  cluster_name = "exchange"
  emails       = ["night@example.com"]
  load_balancer = {
    arn_suffix                = "net/exchange/1"
    target_group_arn_suffixes = { sip = "targetgroup/sip/1", alternative = "targetgroup/alternative/1" }
  }
  proxy_service_name = "exchange-proxy"
  switch = {
    service_name = "exchange-switch"
    sessions     = 150
    maximum      = 20
    metric       = { namespace = "Switchyard", name = "switchyard_controller_freeswitch_sessions", dimensions = { Service = "exchange-switch" } }
  }
  scaler          = { function_name = "exchange-scaler", failed_queue_name = "exchange-scaler-failed", metrics = { namespace = "Switchyard", dimensions = { Cluster = "exchange", Service = "exchange-switch" } } }
  nat_gateway_ids = { "eu-central-1a" = "nat-a", "eu-central-1b" = "nat-b" }
}

run "somebody_is_told" {
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.scaler_fails]) : tolist(alarm.alarm_actions) == tolist([aws_sns_topic.alarms.arn])])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition     = aws_sns_topic_subscription.email["night@example.com"].topic_arn == aws_sns_topic.alarms.arn
    error_message = "Nobody hears of alarms."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.scaler_fails]) : can(regex("\\. docs/[a-z-]+\\.md#[a-z-]+$", alarm.alarm_description))])
    error_message = "An alarm does not say where to read on."
  }
}

run "each_alarm_looks_at_what_it_says" {
  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => "${alarm.namespace} ${alarm.metric_name} ${alarm.statistic} ${alarm.comparison_operator} ${alarm.threshold} ${alarm.evaluation_periods} ${alarm.treat_missing_data}" } == {
      no-proxy-sip                = "AWS/NetworkELB HealthyHostCount Minimum LessThanThreshold 1 1 breaching"
      no-proxy-alternative        = "AWS/NetworkELB HealthyHostCount Minimum LessThanThreshold 1 1 breaching"
      proxy-unhealthy-sip         = "AWS/NetworkELB UnHealthyHostCount Maximum GreaterThanThreshold 0 5 notBreaching"
      proxy-unhealthy-alternative = "AWS/NetworkELB UnHealthyHostCount Maximum GreaterThanThreshold 0 5 notBreaching"
      nat-ports-eu-central-1a     = "AWS/NATGateway ErrorPortAllocation Sum GreaterThanThreshold 0 1 notBreaching"
      nat-ports-eu-central-1b     = "AWS/NATGateway ErrorPortAllocation Sum GreaterThanThreshold 0 1 notBreaching"
      no-active-target            = "Switchyard ActiveTargets Maximum LessThanThreshold 1 2 breaching"
      no-switch-ready             = "Switchyard switchyard_controller_ready Maximum LessThanThreshold 1 2 breaching"
      controller-without-switch   = "Switchyard switchyard_controller_link_up Minimum LessThanThreshold 1 5 notBreaching"
      room-is-short               = "Switchyard switchyard_controller_freeswitch_sessions Average GreaterThanThreshold 135 1 notBreaching"
      fleet-at-its-maximum        = "ECS/ContainerInsights RunningTaskCount Maximum GreaterThanOrEqualToThreshold 20 5 notBreaching"
      events-lost                 = "AWS/SQS NumberOfMessagesSent Sum GreaterThanThreshold 0 4 notBreaching"
    }
    error_message = "An alarm looks at something else."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["events-lost"].period == 900 && aws_cloudwatch_metric_alarm.this["events-lost"].datapoints_to_alarm == 1 && alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.period == 60 && alarm.datapoints_to_alarm == alarm.evaluation_periods if key != "events-lost"])
    error_message = "SQS's figures come late: an alarm that looks at the last minute alone would miss them."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["no-proxy-sip"].dimensions == tomap({ LoadBalancer = "net/exchange/1", TargetGroup = "targetgroup/sip/1" }) && aws_cloudwatch_metric_alarm.this["no-active-target"].dimensions == tomap({ Cluster = "exchange", Service = "exchange-switch" }) && aws_cloudwatch_metric_alarm.this["no-switch-ready"].dimensions == tomap({ Service = "exchange-switch" }) && aws_cloudwatch_metric_alarm.this["events-lost"].dimensions == tomap({ QueueName = "exchange-scaler-failed" })
    error_message = "An alarm looks at something of somebody else."
  }
}

run "a_scaler_that_fails_or_is_silent_is_noticed" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.scaler_fails.evaluation_periods == 5 && aws_cloudwatch_metric_alarm.scaler_fails.treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.scaler_fails.comparison_operator == "LessThanThreshold"
    error_message = "Silence would be taken for success."
  }

  assert {
    condition     = { for query in aws_cloudwatch_metric_alarm.scaler_fails.metric_query : query.id => try(query.metric[0].metric_name, query.expression) } == { succeeded = "runs - errors", runs = "Invocations", errors = "Errors" }
    error_message = "Expected runs less errors."
  }
}

run "the_dashboard_shows_the_fleet" {
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 9
    error_message = "A graph is missing."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.metrics[0] == ["Switchyard", "switchyard_controller_freeswitch_sessions", "Service", "exchange-switch", { stat = "Average", label = "average" }]
    error_message = "Expected sessions of a task first."
  }
}
