# Machines for the tasks, instead of Fargate. They are kept ahead of the tasks: some run empty, some are stopped and start within
# seconds.

locals {
  machines = var.ec2 == null ? {} : { machines = var.ec2 }
}

data "aws_ssm_parameter" "machine_image" {
  for_each = local.machines

  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/${var.architecture == "ARM64" ? "arm64/" : ""}recommended/image_id"
}

resource "aws_iam_role" "machine" {
  for_each = local.machines

  name_prefix = "${var.name}-machine-"
  description = "The ECS agent of a machine"
  tags        = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

# Images, secrets and logs are the business of the execution role.
resource "aws_iam_role_policy" "machine" {
  for_each = local.machines

  name_prefix = "agent-"
  role        = aws_iam_role.machine["machines"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "JoinTheCluster"
        Effect   = "Allow"
        Action   = ["ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange", "ecs:SubmitAttachmentStateChanges"]
        Resource = [var.cluster_arn]
      },
      {
        Sid      = "BeToldOfTasks"
        Effect   = "Allow"
        Action   = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
        Resource = ["${replace(var.cluster_arn, ":cluster/", ":container-instance/")}/*"]
      },
      {
        Sid      = "FindTheEndpoint"
        Effect   = "Allow"
        Action   = ["ecs:DiscoverPollEndpoint"]
        Resource = ["*"] # It knows no resources.
      },
    ]
  })
}

resource "aws_iam_instance_profile" "machine" {
  for_each = local.machines

  name_prefix = "${var.name}-machine-"
  role        = aws_iam_role.machine["machines"].name
  tags        = var.tags
}

# The machines' own; tasks have theirs, on an interface of their own.
resource "aws_security_group" "machine" {
  #checkov:skip=CKV2_AWS_5:The launch template has it, where there are machines

  for_each = local.machines

  name_prefix = "${var.name}-machine-"
  description = "Machines of ${local.service_name}: nothing comes in"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-machine" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "machine" {
  for_each = local.machines

  security_group_id = aws_security_group.machine["machines"].id
  description       = "AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_launch_template" "machine" {
  for_each = local.machines

  name_prefix            = "${var.name}-switch-"
  image_id               = data.aws_ssm_parameter.machine_image["machines"].insecure_value
  instance_type          = each.value.instance_type
  vpc_security_group_ids = [aws_security_group.machine["machines"].id]
  update_default_version = true
  tags                   = var.tags

  # Tasks do not get at the machine's role. A machine of the warm pool joins the cluster when it is needed.
  user_data = base64encode(<<-EOT
    #!/bin/sh
    cat >>/etc/ecs/ecs.config <<'CONFIG'
    ECS_CLUSTER=${split("/", var.cluster_arn)[1]}
    ECS_AWSVPC_BLOCK_IMDS=true
    ECS_WARM_POOLS_CHECK=true
    ECS_CONTAINER_STOP_TIMEOUT=${var.stop_timeout}s
    CONFIG
  EOT
  )

  iam_instance_profile {
    arn = aws_iam_instance_profile.machine["machines"].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = 30 + var.size.disk
      encrypted   = true
    }
  }
}

resource "aws_autoscaling_group" "machine" {
  for_each = local.machines

  name_prefix           = "${var.name}-switch-"
  min_size              = each.value.minimum
  max_size              = each.value.maximum
  vpc_zone_identifier   = values(var.private_subnets)
  protect_from_scale_in = true # ECS says which machine may go: one without tasks.

  launch_template {
    id      = aws_launch_template.machine["machines"].id
    version = aws_launch_template.machine["machines"].latest_version
  }

  dynamic "warm_pool" {
    for_each = each.value.warm > 0 ? [each.value.warm] : []

    content {
      pool_state                  = "Stopped"
      min_size                    = warm_pool.value
      max_group_prepared_capacity = each.value.maximum
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = local.service_name, AmazonECSManaged = "true" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_ecs_capacity_provider" "this" {
  for_each = local.machines

  name = local.service_name
  tags = var.tags

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.machine["machines"].arn
    managed_termination_protection = "ENABLED"
    managed_draining               = "ENABLED"

    managed_scaling {
      status          = "ENABLED"
      target_capacity = 100 - each.value.spare
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  for_each = local.machines

  cluster_name       = split("/", var.cluster_arn)[1]
  capacity_providers = ["FARGATE", aws_ecs_capacity_provider.this["machines"].name]
}
