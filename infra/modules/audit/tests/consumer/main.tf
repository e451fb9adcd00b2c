# Somebody who decides by the key what to make.

variable "name" {
  type        = string
  description = "As in the module."
}

module "audit" {
  source    = "../.."
  providers = { aws = aws }

  name                 = var.name
  customer_managed_key = true
}

resource "terraform_data" "encrypted" {
  count = module.audit.key_arn == null ? 0 : 1
}
