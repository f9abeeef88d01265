# The least that answers calls: one region, two small proxies, one switch, one NAT gateway. One `terraform apply`:
#
#   terraform apply -var carriers='["203.0.113.0/24"]' -var voice_url=https://example.com/voice -var images='{...}'
#
# Secrets are made up and stand in the state: keep that encrypted. For more than trying it out, see examples/production.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Application = "switchyard", Environment = "trial" }
  }
}

module "switchyard" {
  source = "../../modules/region"

  name           = "switchyard"
  zones          = var.zones
  carriers       = var.carriers
  images         = var.images
  architecture   = var.architecture
  scaler_package = var.scaler_package

  proxy = {
    size  = { cpu = 256, memory = 512 }
    tasks = { maximum = 2 }
  }

  switch = {
    size     = { cpu = 512, memory = 1024 }
    capacity = { minimum = 1, maximum = 2, sessions = 40, sessions_target = 25 }
  }

  generated_secrets    = { voice_url = var.voice_url }
  nat_gateway_per_zone = false
  customer_managed_key = false
  flow_logs            = false
  protection           = false
  log_retention_days   = 7
}
