mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:one" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "shared", arn = "arn:aws:s3:::shared" }
  }
}

variables {
  name                    = "exchange"
  cluster_arn             = "arn:aws:ecs:eu-central-1:123456789012:cluster/exchange"
  vpc_id                  = "vpc-1"
  private_subnets         = { "eu-central-1a" = "subnet-a", "eu-central-1b" = "subnet-b" }
  private_cidrs           = ["10.0.16.0/20", "10.0.32.0/20"]
  images                  = { freeswitch = "example/freeswitch:1", controller = "example/controller:1" }
  proxy_security_group_id = "sg-proxy"
  nat_gateway_addresses   = { "eu-central-1a" = "203.0.113.1", "eu-central-1b" = "203.0.113.2" }
  nat_instance_addresses  = { "eu-central-1a" = "203.0.113.3", "eu-central-1b" = "203.0.113.4" }
  metric_namespace        = "Switchyard"
  cdr_url                 = "https://platform.example/cdr"
  secrets = {
    api_password = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:api"
    routes       = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:routes"
  }
}

# Tests of the programs read the same files: what stands there are settings that they take.
run "the_settings_are_the_programs" {
  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : variable.name => variable.value } == jsondecode(file("./tests/prepare.json"))
    error_message = "tests/prepare.json has other settings."
  }

  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].environment : variable.name => variable.value } == jsondecode(file("./tests/freeswitch.json"))
    error_message = "tests/freeswitch.json has other settings."
  }

  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].environment : variable.name => variable.value } == jsondecode(file("./tests/controller.json"))
    error_message = "tests/controller.json has other settings."
  }

  assert {
    condition = [for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : try({ for secret in container.secrets : secret.name => secret.valueFrom }, {})] == [
      { ROUTES = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:routes" },
      {},
      { SWITCHYARD_API__PASSWORD = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:api" },
      {},
    ]
    error_message = "Expected each container to get its own secrets, and from Secrets Manager."
  }
}

run "a_platform_is_told_of_calls_and_gets_recordings" {
  variables {
    platform = {
      url          = "https://platform.example"
      password_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:platform"
      region       = "hydrogen"
      recordings   = { url = "s3://recordings/recordings", https_url = "https://recordings.s3.eu-central-1.amazonaws.com/recordings" }

      gateway_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:clients"
    }
    polly = true
    secrets = {
      api_password    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:api"
      cdr_credentials = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cdr"
    }
  }

  assert {
    condition = { for name, policy in aws_iam_role_policy.uses : name => [for statement in jsondecode(policy.policy).Statement : [statement.Effect, statement.Action, statement.Resource]] } == {
      polly   = [["Allow", ["polly:SynthesizeSpeech"], ["*"]]]
      gateway = [["Allow", ["lambda:InvokeFunction"], ["arn:aws:lambda:eu-central-1:123456789012:function:clients"]]]
    }
    error_message = "Expected speech, the one function, and nothing else."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].secrets == [{ name = "FREESWITCH_CDR_CREDENTIALS", valueFrom = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cdr" }]
    error_message = "The platform would refuse call data records."
  }

  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].environment : variable.name => variable.value } == jsondecode(file("./tests/controller-platform.json"))
    error_message = "tests/controller-platform.json has other settings."
  }

  assert {
    condition = { for secret in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].secrets : secret.name => secret.valueFrom } == {
      SWITCHYARD_API__PASSWORD      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:api"
      SWITCHYARD_PLATFORM__PASSWORD = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:platform"
    }
    error_message = "Expected the platform's password from Secrets Manager."
  }
}

run "calls_depend_on_freeswitch_alone" {
  assert {
    condition     = { for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.name => container.essential } == { prepare = false, freeswitch = true, controller = false, metrics = false }
    error_message = "A container that ends would end the calls."
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.restartPolicy.enabled if contains(["controller", "metrics"], container.name)])
    error_message = "Expected what is not FreeSWITCH to be started again."
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.logConfiguration.options.mode == "non-blocking"])
    error_message = "A log that is stuck would stop calls."
  }
}

run "the_controller_is_told_first_when_a_task_ends" {
  assert {
    condition = { for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.name => [for other in try(container.dependsOn, []) : "${other.containerName} ${other.condition}"] } == {
      prepare    = []
      freeswitch = ["prepare SUCCESS"]
      controller = ["freeswitch START"]
      metrics    = ["controller START"]
    }
    error_message = "Expected the controller to depend on FreeSWITCH: containers end in the other order."
  }

  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.stopTimeout if contains(["freeswitch", "controller"], container.name)] == [120, 120]
    error_message = "Expected Fargate's longest stop timeout."
  }

  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].environment : variable.name => variable.value }["SWITCHYARD_DRAIN"] == "95s"
    error_message = "The controller would be killed before its drain is over."
  }
}

run "freeswitch_counts_only_when_it_answers" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].healthCheck.command == ["CMD", "/opt/switchyard/freeswitch/healthy.sh"] && jsondecode(aws_ecs_task_definition.this.container_definitions)[1].command == ["/opt/switchyard/freeswitch/start.sh"]
    error_message = "Expected FreeSWITCH to be asked."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].healthCheck.interval * jsondecode(aws_ecs_task_definition.this.container_definitions)[1].healthCheck.retries >= 60
    error_message = "A pause of seconds would end all calls of the task."
  }
}

run "nobody_reaches_the_event_socket" {
  variables {
    api            = { clients = ["10.0.0.0/16"] }
    media_networks = ["10.9.0.0/16"]
  }

  assert {
    condition = alltrue([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.sip), [aws_vpc_security_group_ingress_rule.load], values(aws_vpc_security_group_ingress_rule.metrics),
        values(aws_vpc_security_group_ingress_rule.media), values(aws_vpc_security_group_ingress_rule.controller), values(aws_vpc_security_group_ingress_rule.controller_directly), values(aws_vpc_security_group_ingress_rule.api),
      ) : contains(["udp", "tcp"], rule.ip_protocol) && (rule.to_port < 8021 || rule.from_port > 8021)
    ])
    error_message = "A rule lets somebody in on 8021."
  }

  assert {
    condition     = !strcontains(aws_ecs_task_definition.this.container_definitions, "ESL_PASSWORD\"") && !strcontains(aws_ecs_task_definition.this.container_definitions, "8021")
    error_message = "The event socket's password, or its port, leaves FreeSWITCH."
  }
}

run "sip_comes_from_the_proxies_and_nobody_else" {
  assert {
    condition     = toset([for rule in concat(values(aws_vpc_security_group_ingress_rule.sip), [aws_vpc_security_group_ingress_rule.load]) : "${rule.ip_protocol} ${rule.from_port}-${rule.to_port} ${rule.referenced_security_group_id}"]) == toset(["udp 5060-5060 sg-proxy", "tcp 5060-5060 sg-proxy", "udp 5080-5080 sg-proxy", "tcp 5080-5080 sg-proxy", "tcp 8081-8081 sg-proxy"])
    error_message = "Tasks are open to others."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.media) == 0 && length(aws_vpc_security_group_ingress_rule.controller) == 0 && length(aws_vpc_security_group_ingress_rule.controller_directly) == 0
    error_message = "Something is open that nobody asked for."
  }
}

run "no_task_is_public_and_none_is_root" {
  assert {
    condition     = aws_ecs_service.this.network_configuration[0].assign_public_ip == false
    error_message = "A task has a public address."
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.readonlyRootFilesystem])
    error_message = "A file system can be written."
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.user == "65532:65532" && container.linuxParameters.capabilities.drop == ["ALL"] if contains(["freeswitch", "controller"], container.name)])
    error_message = "Expected a plain user without capabilities."
  }

  assert {
    condition     = alltrue([for mount in jsondecode(aws_ecs_task_definition.this.container_definitions)[2].mountPoints : mount.readOnly if mount.sourceVolume == "run"])
    error_message = "The controller could change its own settings."
  }
}

run "the_controller_protects_its_task_and_may_do_nothing_else" {
  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.task.policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      ProtectTheTask       = [["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], ["arn:aws:ecs:eu-central-1:123456789012:task/exchange/*"]]
      PublishSessions      = [["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], ["arn:aws:logs:eu-central-1:123456789012:log-group:one:*"]]
      SayWhoMakesWhichCall = [["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], ["arn:aws:s3:::shared/*"]]
      SeeWhoIsThere        = [["s3:ListBucket"], ["arn:aws:s3:::shared"]]
    }
    error_message = "The controller is allowed something else."
  }

  assert {
    condition     = length(aws_iam_role_policy.uses) == 0
    error_message = "It is allowed what it does not use."
  }

  assert {
    condition     = aws_ecs_task_definition.this.task_role_arn != aws_ecs_task_definition.this.execution_role_arn
    error_message = "The program has what ECS needs to start it: secrets, images."
  }
}

run "what_controllers_share_is_nobody_elses_and_goes_the_next_day" {
  assert {
    condition     = module.shared.lifecycle_rule.status == "Enabled" && module.shared.lifecycle_rule.expiration[0].days == 1
    error_message = "Notes of calls would stay for ever."
  }

  assert {
    condition     = module.shared.encryption.sse_algorithm == "AES256" && jsondecode(module.shared.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "Expected encryption, at rest and on the way."
  }

  assert {
    condition     = module.shared.public_access_blocked
    error_message = "The bucket could be made public."
  }
}

run "there_is_room_before_there_are_more_tasks" {
  assert {
    condition     = aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 20 && aws_appautoscaling_target.this.resource_id == "service/exchange/exchange-switch"
    error_message = "Expected two warm tasks."
  }

  assert {
    condition     = aws_appautoscaling_policy.this["sessions"].target_tracking_scaling_policy_configuration[0].target_value == 100 && one(aws_appautoscaling_policy.this["sessions"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].dimensions).value == "exchange-switch"
    error_message = "Expected tasks to be kept at 100 sessions of 150."
  }

  assert {
    condition     = aws_appautoscaling_policy.this["cpu"].target_tracking_scaling_policy_configuration[0].target_value == 30 && aws_appautoscaling_policy.this["cpu"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization"
    error_message = "Expected tasks to be kept at 30 % CPU."
  }

  assert {
    condition     = alltrue([for policy in aws_appautoscaling_policy.this : policy.target_tracking_scaling_policy_configuration[0].scale_out_cooldown == 60 && policy.target_tracking_scaling_policy_configuration[0].scale_in_cooldown == 300])
    error_message = "Expected it to grow quickly and shrink slowly."
  }
}

run "what_is_scaled_by_is_what_the_controller_says" {
  assert {
    condition     = yamldecode(jsondecode(aws_ecs_task_definition.this.container_definitions)[3].environment[0].value).receivers.prometheus.config.scrape_configs[0].static_configs == [{ targets = ["127.0.0.1:8081"], labels = { Service = "exchange-switch" } }]
    error_message = "Expected the controller's metrics, with the service's name."
  }

  assert {
    condition     = can(regex(yamldecode(jsondecode(aws_ecs_task_definition.this.container_definitions)[3].environment[0].value).exporters.awsemf.metric_declarations[0].metric_name_selectors[0], aws_appautoscaling_policy.this["sessions"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metric_name)) && yamldecode(jsondecode(aws_ecs_task_definition.this.container_definitions)[3].environment[0].value).exporters.awsemf.namespace == aws_appautoscaling_policy.this["sessions"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].namespace
    error_message = "The autoscaling looks at a metric that nobody publishes."
  }
}

run "a_deployment_waits_for_calls" {
  assert {
    condition     = aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.deployment_maximum_percent == 200 && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "Expected new tasks before old ones leave, and a way back."
  }

  assert {
    condition     = aws_ecs_service.this.availability_zone_rebalancing == "DISABLED" && aws_ecs_service.this.launch_type == "FARGATE"
    error_message = "Tasks would be moved for the sake of balance, or be on Spot."
  }
}

run "the_api_is_inside_and_does_not_end_calls" {
  variables {
    api = { clients = ["10.0.0.0/16"], certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }

  assert {
    condition     = aws_lb.api["api"].internal && aws_lb.api["api"].drop_invalid_header_fields && aws_lb.api["api"].enable_deletion_protection
    error_message = "Expected a protected load balancer inside the VPC."
  }

  assert {
    condition     = aws_lb_listener.api["api"].protocol == "HTTPS" && aws_lb_listener.api["api"].port == 443 && startswith(aws_lb_listener.api["api"].ssl_policy, "ELBSecurityPolicy-TLS13")
    error_message = "Expected TLS 1.2 or 1.3."
  }

  assert {
    condition     = aws_lb_target_group.api["api"].health_check[0].path == "/healthz" && aws_lb_target_group.api["api"].health_check[0].interval * aws_lb_target_group.api["api"].health_check[0].unhealthy_threshold >= 300
    error_message = "A controller that is busy or starts again would have its task ended."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.api : "${rule.from_port} ${rule.to_port} ${rule.cidr_ipv4}"] == ["443 443 10.0.0.0/16"]
    error_message = "Expected HTTPS from the clients alone."
  }
}

run "without_a_certificate_the_api_is_plain_http" {
  variables {
    api = { clients = ["10.0.0.0/16"] }
  }

  assert {
    condition     = aws_lb_listener.api["api"].protocol == "HTTP" && aws_lb_listener.api["api"].port == 80 && [for rule in aws_vpc_security_group_ingress_rule.api : rule.to_port] == [80]
    error_message = "Expected HTTP, from the clients alone."
  }
}

run "machines_are_ahead_of_tasks" {
  variables {
    ec2          = {}
    stop_timeout = 600
  }

  assert {
    condition     = aws_ecs_capacity_provider.this["machines"].auto_scaling_group_provider[0].managed_scaling[0].target_capacity == 80 && aws_autoscaling_group.machine["machines"].warm_pool[0].min_size == 1
    error_message = "Expected a fifth of the machines free, and one stopped."
  }

  assert {
    condition     = aws_ecs_capacity_provider.this["machines"].auto_scaling_group_provider[0].managed_termination_protection == "ENABLED" && aws_autoscaling_group.machine["machines"].protect_from_scale_in && aws_ecs_capacity_provider.this["machines"].auto_scaling_group_provider[0].managed_draining == "ENABLED"
    error_message = "A machine could be taken away with its calls."
  }

  assert {
    condition     = aws_launch_template.machine["machines"].metadata_options[0].http_tokens == "required" && aws_launch_template.machine["machines"].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Expected IMDSv2 and encrypted disks."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.machine["machines"].user_data), "ECS_AWSVPC_BLOCK_IMDS=true\n") && strcontains(base64decode(aws_launch_template.machine["machines"].user_data), "ECS_CLUSTER=exchange\n")
    error_message = "Tasks would get at the machine's role, or the machine does not know its cluster."
  }

  assert {
    condition     = aws_ecs_task_definition.this.requires_compatibilities == toset(["EC2"]) && one(aws_ecs_service.this.capacity_provider_strategy).capacity_provider == aws_ecs_capacity_provider.this["machines"].name
    error_message = "Expected the service to be on these machines."
  }
}

run "fargate_stops_after_two_minutes" {
  command = plan
  variables {
    stop_timeout = 600
  }
  expect_failures = [var.stop_timeout]
}

run "without_room_there_is_no_time_to_grow" {
  command = plan
  variables {
    capacity = { sessions = 150, sessions_target = 150 }
  }
  expect_failures = [var.capacity]
}

run "nobody_is_root" {
  command = plan
  variables {
    user = "0:0"
  }
  expect_failures = [var.user]
}
