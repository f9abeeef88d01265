data "aws_region" "current" {}

locals {
  service_name = "${var.name}-switch"

  # A log that cannot be written must not hold up a call.
  log = {
    for container in ["prepare", "freeswitch", "controller", "metrics"] : container => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.region
        awslogs-stream-prefix = container
        mode                  = "non-blocking"
        max-buffer-size       = "25m"
      }
    }
  }

  # Whatever is not FreeSWITCH may end and is started again; the calls go on meanwhile.
  started_again = { enabled = true, restartAttemptPeriod = 60 }

  mounts = {
    run   = { sourceVolume = "run", containerPath = local.run, readOnly = true }
    state = { sourceVolume = "state", containerPath = local.state, readOnly = false }
    cache = { sourceVolume = "cache", containerPath = local.cache, readOnly = false }
    temp  = { sourceVolume = "temp", containerPath = local.temp, readOnly = false }
  }

  prepare = {
    name                   = "prepare"
    image                  = var.images.init
    essential              = false
    user                   = "0:0"
    readonlyRootFilesystem = true
    command                = ["sh", "-c", file("${path.module}/prepare.sh")]
    environment            = [for name, value in local.prepare_environment : { name = name, value = value }]
    secrets                = [for name, arn in local.prepare_secrets : { name = name, valueFrom = arn }]
    mountPoints            = [merge(local.mounts.run, { readOnly = false }), local.mounts.state, local.mounts.cache, local.mounts.temp]
    logConfiguration       = local.log.prepare
  }

  # The one container without which there are no calls.
  freeswitch = {
    name                   = "freeswitch"
    image                  = var.images.freeswitch
    essential              = true
    user                   = var.user
    readonlyRootFilesystem = true
    stopTimeout            = var.stop_timeout
    entryPoint             = ["sh", "-c", ". ${local.run}/freeswitch.env && exec \"$@\"", "sh"]
    command                = ["${var.freeswitch_directory}/start.sh"]
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    environment            = [for name, value in local.freeswitch_environment : { name = name, value = value }]
    secrets                = [for name, arn in local.freeswitch_secrets : { name = name, valueFrom = arn }]
    mountPoints            = [local.mounts.run, local.mounts.state, local.mounts.cache, local.mounts.temp]
    dependsOn              = [{ containerName = "prepare", condition = "SUCCESS" }]
    logConfiguration       = local.log.freeswitch

    # Whether it answers at all: paused, full or without a controller it has calls, which a replacement would end.
    healthCheck = {
      command     = ["CMD", "${var.freeswitch_directory}/healthy.sh"]
      interval    = 10
      timeout     = 5
      retries     = 6
      startPeriod = 60
    }
  }

  # It depends on FreeSWITCH, so that it is told first when the task has to stop: it pauses inbound calls and waits.
  controller = {
    name                   = "controller"
    image                  = var.images.controller
    essential              = false
    restartPolicy          = local.started_again
    user                   = var.user
    readonlyRootFilesystem = true
    stopTimeout            = var.stop_timeout
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    environment            = [for name, value in local.controller_environment : { name = name, value = value }]
    secrets                = [for name, arn in local.controller_secrets : { name = name, valueFrom = arn }]
    portMappings           = [{ containerPort = 8081, hostPort = 8081, protocol = "tcp" }]
    mountPoints            = [local.mounts.run, local.mounts.state, local.mounts.cache, local.mounts.temp]
    dependsOn              = [{ containerName = "freeswitch", condition = "START" }]
    logConfiguration       = local.log.controller
  }

  metrics = {
    name                   = "metrics"
    image                  = var.images.metrics
    essential              = false
    restartPolicy          = local.started_again
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    environment            = [{ name = "AOT_CONFIG_CONTENT", value = yamlencode(local.metrics_configuration) }]
    dependsOn              = [{ containerName = "controller", condition = "START" }]
    logConfiguration       = local.log.metrics
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/switchyard/${var.name}/switch"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}

# Figures, which CloudWatch makes metrics of; nothing reads them here.
resource "aws_cloudwatch_log_group" "metrics" {
  #checkov:skip=CKV_AWS_338:CloudWatch keeps the metrics; these lines are only their way there

  name              = "/switchyard/${var.name}/switch-metrics"
  retention_in_days = 1
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.service_name
  requires_compatibilities = [var.ec2 == null ? "FARGATE" : "EC2"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = module.execution_role.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode([local.prepare, local.freeswitch, local.controller, local.metrics])
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  dynamic "ephemeral_storage" {
    for_each = var.ec2 == null ? [1] : []

    content {
      size_in_gib = var.size.disk
    }
  }

  dynamic "volume" {
    for_each = local.mounts

    content {
      name = volume.key
    }
  }
}
