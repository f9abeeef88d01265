# The snapshot: one small object, written with compare-and-set. Its versions say who was a target when.

locals {
  key = "targets.json"
}

module "bucket" {
  #checkov:skip=CKV_AWS_144:The snapshot is about tasks of this region

  source = "../bucket"

  name_prefix   = "${var.name}-snapshot-"
  kms_key_arn   = var.kms_key_arn
  versioning    = { noncurrent_days = 30 }
  force_destroy = var.force_destroy
  tags          = var.tags
}
