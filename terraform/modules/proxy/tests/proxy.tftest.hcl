mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name                            = "exchange"
  cluster_arn                     = "arn:aws:ecs:eu-central-1:123456789012:cluster/exchange"
  vpc_id                          = "vpc-1"
  private_subnets                 = { "eu-central-1a" = "subnet-a", "eu-central-1b" = "subnet-b" }
  image                           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/switchyard/proxy@sha256:00"
  load_balancer_security_group_id = "sg-load-balancer"
  switch_security_group_id        = "sg-switch"
  target_groups                   = { sip = { arn = "tg-sip", port = 5060 }, alternative = { arn = "tg-alternative", port = 5080 } }
  advertised_host                 = "203.0.113.10"
  namespace                       = { id = "ns-1", name = "exchange.internal" }
  switch_networks                 = ["10.0.16.0/20", "10.0.32.0/20"]
  carriers                        = ["198.51.100.0/24"]
  secrets_arn                     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:proxy-AbCdEf"
  snapshot = {
    url           = "s3://snapshot/targets.json"
    reader_policy = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
  }
}

# The proxy's own tests read the same file: what stands there are settings that it takes.
run "the_settings_are_the_proxys" {
  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].environment : variable.name => variable.value } == jsondecode(file("./tests/environment.json"))
    error_message = "tests/environment.json has other settings."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].secrets == [{ name = "SWITCHYARD_SECRETS", valueFrom = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:proxy-AbCdEf" }]
    error_message = "Expected the secrets from Secrets Manager, and in the environment nothing secret."
  }
}

run "any_proxy_goes_on_with_any_call" {
  assert {
    condition     = aws_ecs_service.this.desired_count >= 2 && length(aws_ecs_service.this.network_configuration[0].subnets) == 2
    error_message = "Expected two proxies or more, over all zones."
  }

  assert {
    condition     = aws_ecs_service.this.service_registries[0].registry_arn == aws_service_discovery_service.this.arn && output.internal_host == "proxy.exchange.internal"
    error_message = "FreeSWITCH has no name for all proxies."
  }

  assert {
    condition     = aws_service_discovery_service.this.dns_config[0].routing_policy == "MULTIVALUE" && aws_service_discovery_service.this.dns_config[0].dns_records[0].ttl <= 10
    error_message = "Expected the addresses of all proxies, and a dead one's for seconds only."
  }
}

run "a_proxy_that_leaves_forwards_what_still_comes" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].stopTimeout == 120
    error_message = "Expected Fargate's longest stop timeout."
  }

  assert {
    condition     = tonumber(trimsuffix({ for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].environment : variable.name => variable.value }["SWITCHYARD_DRAIN"], "s")) < 120
    error_message = "It would be killed before its drain is over."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "A deployment takes proxies away before there are new ones, or goes on though they fail."
  }
}

run "no_task_is_public_and_none_is_root" {
  assert {
    condition     = aws_ecs_service.this.network_configuration[0].assign_public_ip == false
    error_message = "A task has a public address."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].user == "65532:65532" && jsondecode(aws_ecs_task_definition.this.container_definitions)[1].readonlyRootFilesystem && jsondecode(aws_ecs_task_definition.this.container_definitions)[1].linuxParameters.capabilities.drop == ["ALL"]
    error_message = "Expected a plain user, a file system that cannot be written, and no capability."
  }
}

run "the_last_list_is_on_its_disk_when_it_is_started_again" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].mountPoints == [{ sourceVolume = "state", containerPath = "/var/lib/switchyard", readOnly = false }] && toset(aws_ecs_task_definition.this.volume[*].name) == toset(["state"])
    error_message = "Expected a volume: the root file system cannot be written."
  }

  assert {
    condition     = alltrue([for name in ["SWITCHYARD_TARGETS__CACHE", "SWITCHYARD_ADMIN__STATE_FILE"] : startswith({ for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].environment : variable.name => variable.value }[name], "/var/lib/switchyard/")])
    error_message = "Expected the list, and whom operators have drained, on the volume."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].restartPolicy.enabled
    error_message = "Expected it to be started again in its task: a new task has an empty disk."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].dependsOn == [{ containerName = "prepare", condition = "SUCCESS" }] && !jsondecode(aws_ecs_task_definition.this.container_definitions)[0].essential && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command == ["sh", "-euc", "chown -R 65532:65532 /var/lib/switchyard"]
    error_message = "A volume is root's: the proxy could not write to it, or would end with the container that gives it to it."
  }
}

run "the_log_holds_up_no_call" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].logConfiguration.options.mode == "non-blocking"
    error_message = "A log that is stuck would stop the proxy."
  }
}

run "it_registers_with_every_listener" {
  assert {
    condition     = toset([for balancer in aws_ecs_service.this.load_balancer : "${balancer.target_group_arn} ${balancer.container_name} ${balancer.container_port}"]) == toset(["tg-sip proxy 5060", "tg-alternative proxy 5080"])
    error_message = "Expected both ports."
  }

  assert {
    condition     = [for mapping in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].portMappings : mapping.containerPort] == [5060, 5080, 8080]
    error_message = "Expected each port once: ECS refuses a service otherwise."
  }
}

run "it_may_read_the_target_list_and_nothing_else" {
  assert {
    condition     = aws_iam_role_policy.task.policy == var.snapshot.reader_policy
    error_message = "Proxies are allowed something else."
  }

  assert {
    condition     = aws_ecs_task_definition.this.task_role_arn != aws_ecs_task_definition.this.execution_role_arn
    error_message = "The program has what ECS needs to start it: secrets, images."
  }
}

run "sip_and_health_checks_come_from_the_load_balancer_and_freeswitch_alone" {
  assert {
    condition = toset([
      for rule in concat(values(aws_vpc_security_group_ingress_rule.carriers), values(aws_vpc_security_group_ingress_rule.switches), [aws_vpc_security_group_ingress_rule.health]) :
      "${rule.ip_protocol} ${rule.from_port}-${rule.to_port} ${rule.referenced_security_group_id}"
      ]) == toset([
      "udp 5060-5060 sg-load-balancer", "tcp 5060-5060 sg-load-balancer", "udp 5080-5080 sg-load-balancer", "tcp 5080-5080 sg-load-balancer",
      "udp 5060-5060 sg-switch", "tcp 5060-5060 sg-switch", "udp 5080-5080 sg-switch", "tcp 5080-5080 sg-switch",
      "tcp 8080-8080 sg-load-balancer",
    ])
    error_message = "Proxies are open to others."
  }
}

run "it_grows_by_cpu" {
  assert {
    condition     = aws_appautoscaling_target.this.resource_id == "service/exchange/exchange-proxy" && aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 6
    error_message = "Expected the service to be scaled between 2 and 6."
  }
}

run "tls_is_the_proxys_own" {
  variables {
    tls = {
      certificate_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:certificate"
      key_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"
    }
    target_groups = {
      sip         = { arn = "tg-sip", port = 5060 }
      alternative = { arn = "tg-alternative", port = 5080 }
      tls         = { arn = "tg-tls", port = 5061 }
    }
  }

  assert {
    condition     = { for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[1].environment : variable.name => variable.value } == jsondecode(file("./tests/environment-tls.json"))
    error_message = "tests/environment-tls.json has other settings."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[1].mountPoints == [{ sourceVolume = "state", containerPath = "/var/lib/switchyard", readOnly = false }, { sourceVolume = "tls", containerPath = "/run/switchyard/tls", readOnly = true }] && strcontains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command[2], "/run/switchyard/tls/key.pem")
    error_message = "Expected the certificate where the proxy looks for it, and that it cannot change it."
  }

  assert {
    condition     = toset([for balancer in aws_ecs_service.this.load_balancer : balancer.target_group_arn]) == toset(["tg-sip", "tg-alternative", "tg-tls"])
    error_message = "Expected it behind the listener for TLS, too."
  }
}

run "one_proxy_is_too_few" {
  command = plan
  variables {
    tasks = { minimum = 1 }
  }
  expect_failures = [var.tasks]
}

run "settings_are_settings" {
  command = plan
  variables {
    settings = { LD_PRELOAD = "x" }
  }
  expect_failures = [var.settings]
}
