data "aws_region" "current" {}

locals {
  files = "/run/switchyard/tls"
  state = "/var/lib/switchyard"

  volumes = merge({ state = local.state }, var.tls == null ? {} : { tls = local.files })

  # A log that cannot be written must not hold up a call.
  log = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.this.name
      awslogs-region        = data.aws_region.current.region
      awslogs-stream-prefix = "proxy"
      mode                  = "non-blocking"
      max-buffer-size       = "25m"
    }
  }

  # Volumes are root's, and environment variables are all that ECS makes of secrets: the proxy wants a directory of its own, and
  # files.
  prepare = {
    name      = "prepare"
    image     = var.init_image
    essential = false
    user      = "0:0"
    command = ["sh", "-euc", join("\n", concat(
      var.tls == null ? [] : [
        "umask 077",
        "printf '%s\\n' \"$CERTIFICATE\" >${local.files}/fullchain.pem",
        "printf '%s\\n' \"$KEY\" >${local.files}/key.pem",
      ],
      ["chown -R ${var.user} ${join(" ", values(local.volumes))}"],
    ))]
    readonlyRootFilesystem = true
    secrets = var.tls == null ? [] : [
      { name = "CERTIFICATE", valueFrom = var.tls.certificate_arn },
      { name = "KEY", valueFrom = var.tls.key_arn },
    ]
    mountPoints      = [for name, path in local.volumes : { sourceVolume = name, containerPath = path, readOnly = false }]
    logConfiguration = local.log
  }

  proxy = {
    name      = "proxy"
    image     = var.image
    essential = true
    # In its place, with its address and the last list on its disk. One that ends within a minute is not started again: its task is
    # replaced, and a deployment notices.
    restartPolicy          = { enabled = true, restartAttemptPeriod = 60 }
    user                   = var.user
    readonlyRootFilesystem = true
    stopTimeout            = local.stop_timeout
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    environment            = [for name, value in local.environment : { name = name, value = value }]
    secrets                = [for name, arn in local.secrets : { name = name, valueFrom = arn }]
    # ECS refuses a port that stands here twice. That costs nothing: a task's own interface has all of its ports over UDP and TCP,
    # and these only say what registers with the load balancer.
    portMappings = concat(
      [for port in [5060, 5080] : { containerPort = port, hostPort = port, protocol = "udp" }],
      [for port in concat([8080], var.tls == null ? [] : [5061]) : { containerPort = port, hostPort = port, protocol = "tcp" }],
    )
    mountPoints      = [for name, path in local.volumes : { sourceVolume = name, containerPath = path, readOnly = name == "tls" }]
    dependsOn        = [{ containerName = "prepare", condition = "SUCCESS" }]
    logConfiguration = local.log
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/switchyard/${var.name}/proxy"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}

module "execution_role" {
  source = "../execution_role"

  name          = "${var.name}-proxy"
  images        = [var.image, var.init_image]
  secrets       = concat(values(local.secrets), var.tls == null ? [] : [var.tls.certificate_arn, var.tls.key_arn])
  kms_key_arn   = var.secrets_kms_key_arn
  log_group_arn = aws_cloudwatch_log_group.this.arn
  tags          = var.tags
}

# All that a proxy may do in AWS: read the target list.
resource "aws_iam_role" "task" {
  name_prefix = "${var.name}-proxy-"
  description = "The proxies"
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
  name_prefix = "snapshot-"
  role        = aws_iam_role.task.id
  policy      = var.snapshot.reader_policy
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-proxy"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = module.execution_role.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode([local.prepare, local.proxy])
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.key
    }
  }
}
