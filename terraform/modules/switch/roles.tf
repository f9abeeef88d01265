module "execution_role" {
  source = "../execution_role"

  name          = local.service_name
  images        = values(var.images)
  secrets       = concat(values(local.prepare_secrets), values(local.freeswitch_secrets), values(local.controller_secrets))
  kms_key_arn   = var.secrets.kms_key_arn
  log_group_arn = aws_cloudwatch_log_group.this.arn
  tags          = var.tags
}

resource "aws_iam_role" "task" {
  name_prefix = "${var.name}-switch-"
  description = "FreeSWITCH and its controller"
  tags        = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "task" {
  name_prefix = "task-"
  role        = aws_iam_role.task.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # While it has calls, a task does not want to be scaled in.
        Sid      = "ProtectTheTask"
        Effect   = "Allow"
        Action   = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
        Resource = ["${replace(var.cluster_arn, ":cluster/", ":task/")}/*"]
      },
      {
        Sid      = "PublishSessions"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.metrics.arn}:*"]
      },
      {
        Sid      = "SayWhoMakesWhichCall"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = ["${module.shared.arn}/*"]
      },
      {
        Sid      = "SeeWhoIsThere"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [module.shared.arn]
      },
    ]
  })
}

locals {
  # What some deployments use besides.
  uses = merge(
    var.polly ? { polly = { action = "polly:SynthesizeSpeech", resource = "*" } } : {}, # A voice is no resource.
    try(var.platform.gateway_function_arn, null) == null ? {} : {
      gateway = { action = "lambda:InvokeFunction", resource = var.platform.gateway_function_arn }
    },
  )
}

resource "aws_iam_role_policy" "uses" {
  for_each = local.uses

  name_prefix = "${each.key}-"
  role        = aws_iam_role.task.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Use", Effect = "Allow", Action = [each.value.action], Resource = [each.value.resource] }]
  })
}

resource "aws_iam_role_policy" "more" {
  for_each = var.task_policies

  name_prefix = "${each.key}-"
  role        = aws_iam_role.task.id
  policy      = each.value
}
