output "base_url" {
  description = "Where clients reach the API."
  value       = module.edge.base_url
}

output "encrypted" {
  description = "Whether clients reach the API by HTTPS. Without a domain they do not: keep real contacts out."
  value       = module.edge.encrypted
}

output "traffic" {
  description = "What make switch works with. Maps by side hold the sides that exist."
  sensitive   = true
  value = {
    environment       = var.environment
    parameter_name    = aws_ssm_parameter.traffic.name
    live              = local.traffic.live
    standby           = local.traffic.standby
    weights           = local.traffic.weights
    base_url          = module.edge.base_url
    alb_arn           = module.edge.alb_arn
    listener_arn      = module.edge.listener_arn
    rule_arns         = module.edge.rule_arns
    target_group_arns = module.edge.target_group_arns
    smoke_header      = module.edge.smoke_header
    cluster_names     = { for side, cluster in module.containers : side => cluster.cluster_name }
    service_names     = { for side, cluster in module.containers : side => cluster.service_names }
    function_names    = try(module.functions[0].function_names, {})
    alias             = try(module.functions[0].alias, null)
    requests_per_task = var.containers.api.requests_per_task
    most_tasks        = { api = var.containers.api.max, worker = var.containers.worker.max }
  }

  precondition {
    condition     = length(var.vaults) == 0 || !local.has_functions
    error_message = "vaults are read by containers alone, and lambda is live or on standby in ${var.environment}: leave vaults empty, or use another target."
  }
}

output "release" {
  description = "What was deployed last: the image, the zips, and the versions that were published. What the alias names is no part of it: a release moves that after the apply, and the next plan would find a change."
  value = {
    image                = var.image
    zips                 = var.zips
    task_definition_arns = { for side, cluster in module.containers : side => cluster.task_definition_arns }
    published_versions   = try(module.functions[0].published_versions, {})
  }
}

output "data" {
  description = "What the environment keeps."
  value = {
    table_name            = module.data.table_name
    bucket_name           = module.data.bucket_name
    queue_url             = module.queue.queue_url
    dead_letter_queue_url = module.queue.dead_letter_queue_url
    topic_arn             = module.events.topic_arn
    secret_arns           = module.secrets.secret_arns
    backup_vault_name     = module.data.backup_vault_name
    backup_role_arn       = module.data.backup_role_arn
  }
}

output "metrics" {
  description = "Where the containers' metrics go. Functions write theirs into CloudWatch."
  value = {
    workspace_arn    = module.config.workspace_arn
    remote_write_url = module.config.remote_write_url
  }
}

output "log_groups" {
  description = "Log groups by side, of those that are not there too."
  value       = local.log_group_names
}

output "site" {
  description = "The web app: its address, its bucket and its distribution; null without one."
  value = var.site_domain == null ? null : {
    url             = module.site[0].url
    bucket_name     = module.site[0].bucket_name
    distribution_id = module.site[0].distribution_id
  }
}

output "alerts" {
  description = "What is watched, by side and alert, and the topic that is told."
  value       = { topic_arn = module.alerts.topic_arn, watched = module.alerts.alerts }
}
