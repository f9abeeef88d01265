mock_provider "aws" {
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/switchyard" }
  }
}

mock_provider "aws" {
  alias = "second"
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/switchyard-2" }
  }
}

variables {
  carriers       = ["198.51.100.0/24"]
  alarm_emails   = ["night@example.com"]
  scaler_package = "./versions.tf" # Any file: nothing is uploaded.
  images = {
    proxy      = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/proxy@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    freeswitch = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/freeswitch@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    controller = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/controller@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }
}

run "one_region_with_three_zones" {
  assert {
    condition     = keys(output.sip_addresses) == ["eu-central-1"] && length(output.sip_addresses["eu-central-1"]) == 3 && length(output.nat_addresses["eu-central-1"].nat_gateways) == 3
    error_message = "Expected an address and a NAT gateway in each zone."
  }

  assert {
    condition     = alltrue(values(output.protected))
    error_message = "Expected deletion protection."
  }
}

run "carriers_without_symmetric_rtp_are_told_the_nat_instances" {
  variables {
    carriers_without_symmetric_rtp = ["198.51.100.7/32"]
  }

  assert {
    condition     = length(output.nat_addresses["eu-central-1"].nat_instances) == 3
    error_message = "Expected a NAT instance in each zone."
  }
}

run "a_platform_finds_recordings_in_the_bucket" {
  variables {
    platform          = { url = "https://platform.example", region = "hydrogen" }
    recording_readers = ["arn:aws:iam::210987654321:role/platform"]
  }

  assert {
    condition     = output.recordings_buckets["eu-central-1"] != null && contains(keys(output.secrets["eu-central-1"]), "platform")
    error_message = "Expected a bucket, and a secret for the platform's password."
  }

  assert {
    condition     = module.switchyard.call_data_records.url == "https://platform.example/call_data_records" && contains(keys(output.secrets["eu-central-1"]), "cdr")
    error_message = "The platform would never hear that a call is over."
  }
}

run "a_second_region_stands_beside_it" {
  variables {
    second_region = {
      region = "eu-west-1"
      zones  = ["eu-west-1a", "eu-west-1b"]
      images = {
        proxy      = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/proxy@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        freeswitch = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/freeswitch@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        controller = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/controller@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      }
    }
  }

  assert {
    condition     = length(output.sip_addresses["eu-west-1"]) == 2 && output.clusters["eu-west-1"].switch == "switchyard-2-switch"
    error_message = "Expected a fleet of its own there."
  }
}

run "images_are_what_they_were" {
  command = plan
  variables {
    images = { proxy = "example/proxy:latest", freeswitch = "example/freeswitch:latest", controller = "example/controller:latest" }
  }
  expect_failures = [var.images]
}

run "somebody_is_told" {
  command = plan
  variables {
    alarm_emails = []
  }
  expect_failures = [var.alarm_emails]
}

run "the_api_is_never_in_the_clear" {
  command = plan
  variables {
    api_clients = ["10.9.0.0/16"]
    second_region = {
      region = "eu-west-1"
      zones  = ["eu-west-1a", "eu-west-1b"]
      images = var.images
    }
  }
  expect_failures = [var.api_certificate_arn, var.second_region]
}

run "the_api_is_there_for_its_clients" {
  variables {
    api_clients         = ["10.9.0.0/16"]
    api_certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }

  assert {
    condition     = output.api_hosts["eu-central-1"] != null
    error_message = "Expected a load balancer for the API."
  }
}
