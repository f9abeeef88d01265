mock_provider "aws" {}

variables {
  name           = "exchange"
  vpc_id         = "vpc-1"
  public_subnets = { "eu-central-1a" = "subnet-a", "eu-central-1b" = "subnet-b" }
  carriers       = ["203.0.113.0/24", "198.51.100.7/32"]
}

run "each_zone_has_an_address_of_its_own" {
  assert {
    condition     = { for mapping in aws_lb.this.subnet_mapping : mapping.subnet_id => mapping.allocation_id } == { "subnet-a" = aws_eip.this["eu-central-1a"].allocation_id, "subnet-b" = aws_eip.this["eu-central-1b"].allocation_id }
    error_message = "Expected a static address in each zone."
  }

  assert {
    condition     = aws_lb.this.load_balancer_type == "network" && aws_lb.this.internal != true
    error_message = "Expected a network load balancer that carriers reach."
  }
}

run "sip_comes_over_udp_and_tcp" {
  assert {
    condition     = { for name, listener in aws_lb_listener.this : name => "${listener.protocol} ${listener.port}" } == { sip = "TCP_UDP 5060", alternative = "TCP_UDP 5080" }
    error_message = "Expected both ports, with both transports in one listener each."
  }

  assert {
    condition     = alltrue([for name, listener in aws_lb_listener.this : listener.default_action[0].target_group_arn == aws_lb_target_group.this[name].arn])
    error_message = "A listener leads to another port's proxies."
  }

  assert {
    condition     = { for name, group in aws_lb_target_group.this : name => "${group.protocol} ${group.port} ${group.target_type}" } == { sip = "TCP_UDP 5060 ip", alternative = "TCP_UDP 5080 ip" }
    error_message = "Proxies listen on the ports that carriers use."
  }
}

run "proxies_see_who_calls" {
  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.preserve_client_ip == "true"])
    error_message = "Over TCP every carrier would look like the load balancer."
  }
}

run "a_proxy_that_is_not_ready_gets_nothing" {
  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.health_check[0].protocol == "HTTP" && group.health_check[0].path == "/readyz" && group.health_check[0].port == "8080" && group.health_check[0].matcher == "200"])
    error_message = "Expected the proxy's readiness as health check."
  }

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.health_check[0].interval * group.health_check[0].unhealthy_threshold <= 10])
    error_message = "Expected a dead proxy to be out within 10 s."
  }
}

run "a_proxy_that_leaves_is_left_soon" {
  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.connection_termination && group.deregistration_delay == "15"])
    error_message = "Flows would stay with a proxy that is gone."
  }
}

run "carriers_reach_sip_and_nothing_else" {
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.carrier : "${rule.ip_protocol} ${rule.from_port}-${rule.to_port} ${rule.cidr_ipv4}"]) == toset([for pair in setproduct(["udp 5060-5060", "tcp 5060-5060", "udp 5080-5080", "tcp 5080-5080"], var.carriers) : join(" ", pair)])
    error_message = "Expected UDP and TCP 5060 and 5080, from carriers."
  }
}

run "tls_passes_through" {
  variables {
    tls = true
  }

  assert {
    condition     = aws_lb_listener.this["tls"].protocol == "TCP" && aws_lb_listener.this["tls"].port == 5061 && aws_lb_target_group.this["tls"].preserve_client_ip == "true"
    error_message = "Expected TCP 5061 as it came: the proxies have the certificate."
  }

  assert {
    condition     = length([for rule in aws_vpc_security_group_ingress_rule.carrier : rule if rule.from_port == 5061 && rule.ip_protocol == "tcp"]) == 2
    error_message = "Expected carriers to be let in on 5061."
  }
}

run "carriers_addresses_are_protected" {
  assert {
    condition     = aws_lb.this.enable_deletion_protection && aws_lb.this.enable_cross_zone_load_balancing
    error_message = "Expected deletion protection by default, and proxies of all zones behind each address."
  }

  assert {
    condition     = output.advertised_host == aws_eip.this["eu-central-1a"].public_ip
    error_message = "Expected the first zone's address where there is no name."
  }
}

run "a_name_holds_all_addresses" {
  variables {
    dns = { zone_id = "Z1", name = "sip.example.com" }
  }

  assert {
    condition     = aws_route53_record.this[0].records == toset([for eip in aws_eip.this : eip.public_ip]) && output.advertised_host == "sip.example.com"
    error_message = "Expected the name to be advertised, with the addresses of all zones."
  }
}

run "an_accelerator_hands_the_callers_address_on" {
  variables {
    global_accelerator = true
  }

  override_resource {
    target = aws_globalaccelerator_accelerator.this[0]
    values = {
      ip_sets = [{ ip_addresses = ["192.0.2.1", "192.0.2.2"], ip_family = "IPv4" }]
    }
  }

  assert {
    condition     = toset([for listener in aws_globalaccelerator_listener.this : "${listener.protocol} ${one(listener.port_range).from_port} ${listener.client_affinity}"]) == toset(["UDP 5060 SOURCE_IP", "TCP 5060 SOURCE_IP", "UDP 5080 SOURCE_IP", "TCP 5080 SOURCE_IP"])
    error_message = "Expected every port, and a carrier to stay with its endpoint."
  }

  assert {
    condition     = alltrue([for group in aws_globalaccelerator_endpoint_group.this : alltrue([for endpoint in group.endpoint_configuration : endpoint.client_ip_preservation_enabled])])
    error_message = "Every carrier would look like the accelerator."
  }

  assert {
    condition     = output.advertised_host == "192.0.2.1" && output.accelerator_addresses == tolist(["192.0.2.1", "192.0.2.2"])
    error_message = "Carriers would be told addresses that are not the accelerator's."
  }
}

run "somebody_must_be_let_in" {
  command = plan
  variables {
    carriers = []
  }
  expect_failures = [var.carriers]
}
