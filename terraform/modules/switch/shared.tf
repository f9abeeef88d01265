# What controllers share: which of them has made which call, and who of them is there (docs/switch-controller.md). It is small, and
# worth nothing the day after.

# Nobody asks again for a call of yesterday. Controllers that are there write anew every few seconds.
module "shared" {
  #checkov:skip=CKV_AWS_21:Nobody asks what stood there before
  #checkov:skip=CKV_AWS_144:It is about tasks of this region
  #checkov:skip=CKV_AWS_145:S3's own key is enough for names of calls and addresses inside the VPC

  source = "../bucket"

  name_prefix       = "${var.name}-shared-"
  expire_after_days = 1
  force_destroy     = true # Calls are not lost with it.
  tags              = var.tags
}
