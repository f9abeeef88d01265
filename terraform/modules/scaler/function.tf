# It lists the service's tasks, computes the whole snapshot, and writes it if it is another. An event only wakes it.

locals {
  function_name = "${var.name}-scaler"
  cluster_name  = split("/", var.cluster_arn)[1]

  platform_environment = var.platform == null ? {} : {
    SWITCHYARD_PLATFORM_URL          = var.platform.url
    SWITCHYARD_PLATFORM_USER         = var.platform.user
    SWITCHYARD_PLATFORM_PASSWORD_ARN = var.platform.password_arn
    SWITCHYARD_PLATFORM_REGION       = var.platform.region
  }

  secrets_key_arn = var.platform == null ? null : var.platform.password_kms_key_arn
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name_prefix = "${var.name}-scaler-"
  description = "The scaler"
  tags        = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name_prefix = "scaler-"
  role        = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "ListTasks"
          Effect    = "Allow"
          Action    = ["ecs:ListTasks"]
          Resource  = ["*"] # It knows container instances as resources, and tasks on Fargate have none.
          Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
        },
        {
          # Those with calls are protected, and are the last to leave.
          Sid      = "DescribeTasks"
          Effect   = "Allow"
          Action   = ["ecs:DescribeTasks", "ecs:GetTaskProtection"]
          Resource = ["${replace(var.cluster_arn, ":cluster/", ":task/")}/*"]
        },
        {
          Sid      = "DescribeAndScaleTheService"
          Effect   = "Allow"
          Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
          Resource = ["${replace(var.cluster_arn, ":cluster/", ":service/")}/${var.service_name}"]
        },
        {
          Sid      = "ReadAndWriteTheSnapshot"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = ["${module.bucket.arn}/${local.key}"]
        },
        {
          # So that a snapshot that is not there yet is told from one that may not be read.
          Sid      = "SeeWhetherThereIsOne"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [module.bucket.arn]
        },
        {
          Sid      = "TellOfFailures"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = [aws_sqs_queue.failed.arn]
        },
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
        },
      ],
      var.kms_key_arn == null ? [] : [{
        Sid      = "EncryptTheSnapshot"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
      }],
      var.platform == null ? [] : [{
        Sid      = "ReadThePlatformsPassword"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [var.platform.password_arn]
      }],
      local.secrets_key_arn == null ? [] : [{
        Sid      = "DecryptThePlatformsPassword"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [local.secrets_key_arn]
      }],
    )
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:It calls ECS and S3 in one short run; its log says what it did and why
  #checkov:skip=CKV_AWS_116:What fails goes to the queue by the destination of aws_lambda_function_event_invoke_config
  #checkov:skip=CKV_AWS_117:It needs nothing inside the VPC, and must work when NAT does not
  #checkov:skip=CKV_AWS_272:The zip is built and uploaded by whoever applies this

  function_name                  = local.function_name
  description                    = "Writes who is a target of calls"
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = 256
  timeout                        = 30
  reserved_concurrent_executions = var.reserved_concurrency == null ? -1 : var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = merge(
      {
        SWITCHYARD_ECS_CLUSTER       = local.cluster_name
        SWITCHYARD_ECS_SERVICE       = var.service_name
        SWITCHYARD_SESSIONS_PER_TASK = tostring(var.sessions_per_task)
        SWITCHYARD_MAX_TASKS         = tostring(var.maximum_tasks)
        SWITCHYARD_METRICS_NAMESPACE = var.metric_namespace
        SWITCHYARD_SNAPSHOT_URL      = "s3://${module.bucket.id}/${local.key}"
      },
      local.platform_environment,
      var.settings,
    )
  }

  # As the program writes them: lines of JSON, some of which CloudWatch makes metrics of.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  depends_on = [aws_iam_role_policy.this]
}
