# Where the service runs is written down in one parameter. The first apply writes the wish into it; from
# then on make switch alone does. Every plan reads it, so that no other apply moves traffic.

locals {
  targets = ["lambda", "fargate", "ec2"]

  wish = {
    live    = var.target
    weights = { for target in local.targets : target => target == var.target ? 100 : 0 }
    standby = []
    desired = {}
  }

  # What the parameter holds, not what this file wrote into it: the resource is refreshed first.
  traffic = jsondecode(aws_ssm_parameter.traffic.insecure_value)

  # A side is there while it is live or on standby.
  sides = toset(concat([local.traffic.live], local.traffic.standby))

  container_sides       = setintersection(local.sides, ["fargate", "ec2"])
  has_functions         = contains(local.sides, "lambda")
  needs_private_subnets = length(local.container_sides) > 0 || var.cache != null
}

resource "aws_ssm_parameter" "traffic" {
  #checkov:skip=CKV2_AWS_34:it says where traffic goes, which is no secret and has to be read in a plan
  #checkov:skip=CKV_AWS_337:it says where traffic goes, which is no secret and has to be read in a plan
  name           = "/${var.name}/${var.environment}/traffic"
  description    = "Which target is live, which are on standby, and the weights. Written by make switch."
  type           = "String"
  insecure_value = jsonencode(local.wish)

  lifecycle {
    ignore_changes = [insecure_value]

    postcondition {
      condition     = try(contains(concat([jsondecode(self.insecure_value).live], jsondecode(self.insecure_value).standby), var.target), false)
      error_message = "${try(jsondecode(self.insecure_value).live, "nothing")} is live in ${var.environment}, and target is ${var.target}. To move traffic: make switch ENV=${var.environment} TO=${var.target}. To stay: set target to what is live."
    }

    postcondition {
      condition = try(alltrue([for target, weight in jsondecode(self.insecure_value).weights :
        weight == 0 || contains(concat([jsondecode(self.insecure_value).live], jsondecode(self.insecure_value).standby), target)
      ]) && sum(values(jsondecode(self.insecure_value).weights)) == 100, false)
      error_message = "The parameter /${var.name}/${var.environment}/traffic gives weight to a target that is neither live nor on standby, or its weights do not add up to 100: applying it would lose requests. Run make switch ENV=${var.environment} TO=${var.target} again, which puts it right."
    }
  }
}
