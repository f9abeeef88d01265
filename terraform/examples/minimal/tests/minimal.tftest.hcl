mock_provider "aws" {
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/switchyard" }
  }
}

variables {
  carriers       = ["198.51.100.0/24"]
  voice_url      = "https://example.com/voice"
  images         = { proxy = "example/proxy:1", freeswitch = "example/freeswitch:1", controller = "example/controller:1" }
  scaler_package = "./versions.tf" # Any file: nothing is uploaded.
}

run "one_apply_tells_the_operator_what_carriers_need" {
  assert {
    condition     = length(output.sip_addresses) == 2 && length(output.nat_addresses.nat_gateways) == 1 && output.nat_addresses.nat_instances == tolist([])
    error_message = "Expected an address in each zone, and one NAT gateway."
  }

  assert {
    condition     = toset(keys(output.secrets)) == toset(["proxy", "token", "api", "routes"])
    error_message = "Expected all secrets."
  }
}

run "nobody_is_let_in_whom_nobody_named" {
  command = plan
  variables {
    carriers = []
  }
  expect_failures = [var.carriers]
}
