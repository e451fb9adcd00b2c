# The roles of both kinds of target, with whatever can be granted switched on, as the stack makes them.

variable "arns" {
  description = "What the roles are for."
  type = object({
    table        = string
    queue        = string
    dead_letters = string
    topic        = string
    bucket       = string
    key          = string
    log_groups   = string
    cache        = string
    user         = string
    vault        = string
    target_group = string
  })
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
}

module "permissions" {
  source = "../modules/permissions"

  table_arn             = var.arns.table
  queue_arn             = var.arns.queue
  dead_letter_queue_arn = var.arns.dead_letters
  topic_arn             = var.arns.topic
  bucket_arn            = var.arns.bucket
  key_arns              = [var.arns.key]
  cache                 = { replication_group_arn = var.arns.cache, user_arn = var.arns.user }
}

module "config" {
  source = "../modules/config"

  name    = "all"
  region  = "us-east-1"
  tracing = true
}

locals {
  policies = {
    api    = module.permissions.api_policy_json
    worker = module.permissions.worker_policy_json
  }

  log_groups = { for name in ["api", "worker", "api-collector", "worker-collector"] : name => {
    name = name
    arn  = "${var.arns.log_groups}:${name}"
  } }
}

module "functions" {
  source = "../modules/target-lambda"

  name             = "all"
  target_group_arn = var.arns.target_group
  tracing          = { layer_arn = "arn:aws:lambda:us-east-1:901920570463:layer:collector:1" }
  log_groups       = local.log_groups
  vpc              = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }

  api = {
    zip         = "../modules/target-lambda/tests/empty.zip"
    environment = {}
    policy_json = local.policies.api
  }

  worker = {
    zip         = "../modules/target-lambda/tests/empty.zip"
    environment = {}
    policy_json = local.policies.worker
    queue_arn   = var.arns.queue
  }
}

module "containers" {
  source = "../modules/target-ecs"

  name                  = "all"
  vpc_id                = "vpc-1"
  subnet_ids            = ["subnet-1"]
  alb_security_group_id = "sg-1"
  execute_command       = true
  log_groups            = local.log_groups
  key_arn               = var.arns.key
  capacity              = { kind = "fargate" }

  sidecar = {
    config_parameter_arn = module.config.parameter_arn
    config_hash          = module.config.hash
    policy_json          = module.config.task_policy_json
  }

  services = { for service, policy in local.policies : service => {
    image          = "123456789012.dkr.ecr.us-east-1.amazonaws.com/all@sha256:${sha256("image")}"
    command        = ["/program"]
    health_command = ["/program", "healthcheck"]
    secrets        = { SECRET = "${var.arns.vault}:SECRET::" }
    policy_json    = policy
  } }
}

# People have roles of their own.
resource "aws_iam_role" "operator" {
  name               = "all-operator"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_iam_role_policy" "operator" {
  role   = aws_iam_role.operator.id
  policy = module.permissions.operator_policy_json
}
