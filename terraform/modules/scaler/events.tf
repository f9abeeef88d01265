# What wakes the function: each change of a task of the service, and every minute, for what got lost.

resource "aws_cloudwatch_event_rule" "task" {
  name        = "${local.function_name}-task"
  description = "A task of ${var.service_name} changes"
  tags        = var.tags
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [var.cluster_arn]
      group      = ["service:${var.service_name}"]
    }
  })
}

resource "aws_cloudwatch_event_rule" "schedule" {
  name                = "${local.function_name}-schedule"
  description         = "Repairs what no event told of"
  schedule_expression = "rate(1 minute)"
  tags                = var.tags
}

locals {
  rules = {
    task     = aws_cloudwatch_event_rule.task
    schedule = aws_cloudwatch_event_rule.schedule
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule = each.value.name
  arn  = aws_lambda_function.this.arn

  dead_letter_config {
    arn = aws_sqs_queue.failed.arn
  }

  # Older events are worth nothing: the schedule has been there since.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 10
  }
}

resource "aws_lambda_permission" "this" {
  for_each = local.rules

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = each.value.arn
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 300
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }
}

# Events that could not be delivered, and runs that failed to the last. Nothing reads it but people; an alarm tells them when something comes.
resource "aws_sqs_queue" "failed" {
  name                      = "${local.function_name}-failed"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "failed" {
  queue_url = aws_sqs_queue.failed.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Events"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.failed.arn
      Condition = { ArnEquals = { "aws:SourceArn" = [for rule in local.rules : rule.arn] } }
    }]
  })
}
