# The sides that exist, by the same settings on each.

locals {
  port = 8080

  # Only what is set: an unknown or empty variable stops a program.
  settings = merge(
    {
      CONTACTS_TABLE       = module.data.table_name
      CONTACTS_QUEUE_URL   = module.queue.queue_url
      CONTACTS_TOPIC_ARN   = module.events.topic_arn
      CONTACTS_OBJECTS_URL = "s3://${module.data.bucket_name}"
      RUST_LOG             = var.settings.log_level
    },
    var.cache == null ? {} : { CONTACTS_CACHE_URL = module.cache[0].url },
    # Whoever reads the settings may know it: it says under which address one is counted, and opens nothing.
    var.site_domain == null ? {} : { CONTACTS_SITE_SECRET = nonsensitive(module.edge.site_header.value) },
    var.settings.rate_limit == null ? {} : { CONTACTS_RATE_LIMIT = tostring(var.settings.rate_limit) },
    var.settings.changes_days == null ? {} : { CONTACTS_CHANGES_DAYS = tostring(var.settings.changes_days) },
    var.settings.history_days == null ? {} : { CONTACTS_HISTORY_DAYS = tostring(var.settings.history_days) },
    length(var.settings.cors_origins) == 0 ? {} : { CONTACTS_CORS_ORIGINS = join(",", var.settings.cors_origins) },
    var.settings.oidc == null ? {} : {
      CONTACTS_OIDC_ISSUER   = var.settings.oidc.issuer
      CONTACTS_OIDC_AUDIENCE = var.settings.oidc.audience
    },
  )

  # Where a collector is, on the loopback of the program. Functions have one if they have the layer.
  tracing_of = { for service in ["api", "worker"] : service => var.tracing == null ? {} : {
    OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.tracing.sample)
    OTEL_SERVICE_NAME           = "${local.name}-${service}"
  } }
  layer = try(var.tracing.layer_arn, null) == null ? null : { layer_arn = var.tracing.layer_arn }

  # In a task the load balancer reaches the API, and the collector alone the metrics.
  task_settings = merge(local.settings, {
    CONTACTS_LISTEN         = "0.0.0.0:${local.port}"
    CONTACTS_METRICS_LISTEN = "127.0.0.1:5000"
  })

  # How many tasks a side has at least. During a switch, and while its old side is on standby, that is what the old side
  # ran when it began, on both sides: the new one is built as large, and the old one, whose load is gone, does not
  # shrink but can take all of it back at once.
  least_tasks = { for side in local.container_sides : side => { for service, limits in { api = var.containers.api, worker = var.containers.worker } :
    service => max(limits.min, min(try(local.traffic.desired[side][service], 0), limits.max))
  } }
}

module "functions" {
  source = "../target-lambda"
  count  = local.has_functions ? 1 : 0

  name             = local.name
  architecture     = var.architecture
  target_group_arn = module.edge.target_group_arns.api.lambda
  tracing          = local.layer
  key_arn          = local.key_arn
  log_groups       = local.log_groups.lambda

  permissions_boundary = var.permissions_boundary

  # The cache has no address outside the VPC, and everything else has one.
  vpc = var.cache == null ? null : {
    subnet_ids         = module.network.private_subnet_ids
    security_group_ids = aws_security_group.cache_clients[*].id
  }

  api = {
    zip                  = try(var.zips.api, "")
    environment          = merge(local.settings, local.layer == null ? {} : local.tracing_of.api)
    policy_json          = module.permissions.api_policy_json
    memory               = var.lambda.api.memory
    timeout              = var.lambda.api.timeout
    reserved_concurrency = var.lambda.api.reserved_concurrency
    provisioned          = var.lambda.api.provisioned
  }

  worker = {
    zip = try(var.zips.worker, "")
    # The worker writes the minutes of both functions, from CloudWatch.
    environment = merge(
      local.settings,
      { CONTACTS_FUNCTIONS = "${local.name}-api,${local.name}-worker" },
      local.layer == null ? {} : local.tracing_of.worker,
    )
    policy_json          = module.permissions.worker_policy_json
    memory               = var.lambda.worker.memory
    timeout              = var.lambda.worker.timeout
    reserved_concurrency = var.lambda.worker.reserved_concurrency
    queue_arn            = module.queue.queue_arn
    max_concurrency      = var.lambda.worker.max_concurrency
    batch                = var.lambda.worker.batch
  }
}

module "containers" {
  source   = "../target-ecs"
  for_each = local.container_sides

  name                  = "${local.name}-${each.key}"
  architecture          = var.architecture
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.private_subnet_ids
  alb_security_group_id = module.edge.security_group_id
  security_group_ids    = aws_security_group.cache_clients[*].id
  container_insights    = var.containers.container_insights
  execute_command       = var.containers.execute_command
  key_arn               = local.key_arn
  log_groups            = local.log_groups[each.key]
  permissions_boundary  = var.permissions_boundary

  capacity = {
    kind                   = each.key
    spot_percent           = var.fargate.spot_percent
    on_demand_base         = var.fargate.on_demand_base
    capacity_provider_name = each.key == "ec2" ? module.hosts[0].capacity_provider_name : null
  }

  sidecar = {
    image                = var.containers.collector_image
    config_parameter_arn = module.config.parameter_arn
    config_hash          = module.config.hash
    policy_json          = module.config.task_policy_json
  }

  services = {
    api = {
      image                    = var.image == null ? "" : var.image
      registry_credentials_arn = try(var.registry.credentials_arn, null)
      command                  = ["/api-container"]
      health_command           = ["/api-container", "healthcheck"]
      cpu                      = var.containers.api.cpu
      memory                   = var.containers.api.memory
      environment              = merge(local.task_settings, local.tracing_of.api)
      secrets                  = try(module.secrets.value_from.api, {})
      policy_json              = module.permissions.api_policy_json
      load_balancer = {
        port             = local.port
        target_group_arn = module.edge.target_group_arns.api[each.key]
        alb_arn          = module.edge.alb_arn
      }
      scaling = {
        min                 = local.least_tasks[each.key].api
        max                 = var.containers.api.max
        cpu                 = 70
        memory              = 80
        requests_per_minute = var.containers.api.requests_per_task
      }
    }

    worker = {
      image                    = var.image == null ? "" : var.image
      registry_credentials_arn = try(var.registry.credentials_arn, null)
      command                  = ["/worker-container"]
      health_command           = ["/worker-container", "healthcheck"]
      cpu                      = var.containers.worker.cpu
      memory                   = var.containers.worker.memory
      environment              = merge(local.task_settings, local.tracing_of.worker)
      secrets                  = try(module.secrets.value_from.worker, {})
      policy_json              = module.permissions.worker_policy_json
      scaling = {
        min     = local.least_tasks[each.key].worker
        max     = var.containers.worker.max
        backlog = { queue_name = module.queue.queue_name }
      }
    }
  }
}

module "hosts" {
  source = "../ec2-capacity"
  count  = contains(local.container_sides, "ec2") ? 1 : 0

  name                       = "${local.name}-ec2"
  cluster_name               = module.containers["ec2"].cluster_name
  architecture               = var.architecture
  vpc_id                     = module.network.vpc_id
  subnet_ids                 = module.network.private_subnet_ids
  tasks                      = var.containers.api.max + var.containers.worker.max
  first_tasks                = sum(values(local.least_tasks.ec2))
  tasks_per_host             = var.ec2.tasks_per_host
  instance_types             = var.ec2.instance_types
  on_demand_base             = var.ec2.on_demand_base
  spot_percent               = var.ec2.spot_percent
  session_manager            = var.ec2.session_manager
  max_instance_lifetime_days = var.ec2.max_instance_lifetime_days
  spot_log_group_arn         = local.log_groups.ec2.spot.arn
  key_arn                    = local.key_arn
  permissions_boundary       = var.permissions_boundary
}
