# Puts into the state what make switch would have written.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "value" {
  type        = any
  description = "What the parameter holds."
}

resource "aws_ssm_parameter" "traffic" {
  #checkov:skip=CKV2_AWS_34:a fixture of the tests
  #checkov:skip=CKV_AWS_337:a fixture of the tests
  name           = "/contact-manager/test/traffic"
  type           = "String"
  insecure_value = jsonencode(var.value)
}
