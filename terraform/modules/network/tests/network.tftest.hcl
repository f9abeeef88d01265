mock_provider "aws" {}

variables {
  name  = "exchange"
  zones = ["eu-central-1a", "eu-central-1b"]
}

run "a_zone_stands_by_itself" {
  assert {
    condition     = length(aws_nat_gateway.this) == 2
    error_message = "Expected a NAT gateway in each zone."
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.nat_gateway : route.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "A zone's tasks leave through another zone's NAT gateway."
  }

  assert {
    condition     = alltrue([for zone, gateway in aws_nat_gateway.this : gateway.subnet_id == aws_subnet.public[zone].id])
    error_message = "A NAT gateway is not in its zone's public subnet."
  }

  assert {
    condition     = output.nat_gateway_addresses == { for zone, eip in aws_eip.nat_gateway : zone => eip.public_ip }
    error_message = "Carriers would be told another zone's address."
  }
}

run "nothing_in_a_private_subnet_has_a_public_address" {
  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : !subnet.map_public_ip_on_launch])
    error_message = "Expected no public addresses by default."
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.nat_gateway : route.route_table_id == aws_route_table.private[zone].id])
    error_message = "A private subnet has no way to its NAT gateway."
  }

  assert {
    condition     = aws_route.internet.route_table_id == aws_route_table.public.id && alltrue([for zone, association in aws_route_table_association.private : association.route_table_id == aws_route_table.private[zone].id])
    error_message = "A private subnet has a way to the internet but NAT."
  }
}

run "networks_do_not_overlap" {
  assert {
    condition     = [for zone in var.zones : aws_subnet.public[zone].cidr_block] == ["10.0.0.0/24", "10.0.1.0/24"]
    error_message = "Public subnets are not where they should be."
  }

  assert {
    condition     = [for zone in var.zones : aws_subnet.private[zone].cidr_block] == ["10.0.16.0/20", "10.0.32.0/20"]
    error_message = "Private subnets are not where they should be."
  }
}

run "one_nat_gateway_serves_all_where_that_is_asked_for" {
  variables {
    nat_gateway_per_zone = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat_gateway) == 2
    error_message = "Expected one gateway, and a route to it from each zone."
  }

  assert {
    condition     = length(distinct(values(output.nat_gateway_addresses))) == 1
    error_message = "Expected one address for all zones."
  }
}

run "carriers_that_need_their_ports_kept_leave_by_the_nat_instance_of_the_zone" {
  variables {
    nat_instance = { carriers = ["203.0.113.0/24", "198.51.100.7/32"] }
  }

  assert {
    condition     = length(aws_route.carrier) == 4
    error_message = "Expected a route in each zone to each carrier."
  }

  assert {
    condition = alltrue([for key, route in aws_route.carrier :
      route.network_interface_id == aws_network_interface.nat_instance[split(" ", key)[0]].id &&
    route.route_table_id == aws_route_table.private[split(" ", key)[0]].id])
    error_message = "A carrier's route leads through another zone."
  }

  assert {
    condition     = alltrue([for interface in aws_network_interface.nat_instance : !interface.source_dest_check])
    error_message = "The interface drops what it should forward."
  }

  assert {
    condition     = alltrue([for instance in aws_instance.nat : instance.metadata_options[0].http_tokens == "required" && instance.root_block_device[0].encrypted])
    error_message = "Expected IMDSv2 and an encrypted disk."
  }

  assert {
    condition     = alltrue([for zone, rule in aws_vpc_security_group_ingress_rule.nat_instance : rule.cidr_ipv4 == aws_subnet.private[zone].cidr_block])
    error_message = "The NAT instance forwards for others than the zone's tasks."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.nat_instance_tcp : rule.to_port < 8021 && rule.ip_protocol == "tcp"])
    error_message = "The NAT instance takes more TCP than SIP."
  }

  assert {
    condition     = output.nat_instance_addresses == { for zone, eip in aws_eip.nat_instance : zone => eip.public_ip } && length(output.nat_instance_addresses) == 2
    error_message = "Carriers would be told another address."
  }
}

run "without_one_no_route_leads_to_it" {
  assert {
    condition     = length(aws_route.carrier) == 0 && length(aws_instance.nat) == 0 && output.nat_instance_addresses == {}
    error_message = "Expected no NAT instance."
  }
}

run "not_everything_may_go_to_the_nat_instance" {
  command = plan
  variables {
    nat_instance = { carriers = ["0.0.0.0/0"] }
  }
  expect_failures = [var.nat_instance]
}

run "one_zone_is_too_few" {
  command = plan
  variables {
    zones = ["eu-central-1a"]
  }
  expect_failures = [var.zones]
}

run "endpoints_let_in_https_from_the_vpc_alone" {
  variables {
    interface_endpoints = ["ecr.api", "logs"]
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == "10.0.0.0/16" && aws_vpc_security_group_ingress_rule.endpoints[0].to_port == 443 && aws_vpc_security_group_ingress_rule.endpoints[0].from_port == 443
    error_message = "Endpoints take more than HTTPS from the VPC."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 2 && alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled])
    error_message = "Expected both, under their usual names."
  }
}

run "snapshots_and_recordings_do_not_pay_for_nat" {
  assert {
    condition     = length(aws_vpc_endpoint.s3.route_table_ids) == 2 && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "Expected S3 in the route tables of all zones."
  }
}

run "the_default_security_group_is_shut" {
  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "Expected no rule in the default security group."
  }
}

run "flow_logs_write_into_their_group_alone" {
  variables {
    flow_logs = {}
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.flow[0].policy).Statement[0].Resource == "${aws_cloudwatch_log_group.flow[0].arn}:*"
    error_message = "The role may write elsewhere."
  }

  assert {
    condition     = aws_flow_log.refused[0].traffic_type == "REJECT"
    error_message = "A record for each stream of RTP would be too many."
  }
}
