//! Least privilege: a role may do what its programs call and what services need of it, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
    sync::OnceLock,
};

use contacts_tests::{
    calls::{Line, Role, lines},
    moto::Moto,
    tools::{Script, npm, script},
};
use serde_json::{Value, json};

/// What the roles are for: a word for it, and the service and name in its ARN.
const RESOURCES: &[(&str, &str, &str)] = &[
    ("table", "dynamodb", "table/own"),
    ("queue", "sqs", "own"),
    ("dead-letters", "sqs", "own-dead"),
    ("topic", "sns", "own"),
    ("bucket", "s3", "own"),
    ("objects", "s3", "own/system/hours/file"),
    ("key", "kms", "key/own"),
    ("log-groups", "logs", "log-group:/own"),
    ("cache", "elasticache", "replicationgroup:own"),
    ("user", "elasticache", "user:own"),
    ("vault", "secretsmanager", "secret:own-abcdef"),
    (
        "target-group",
        "elasticloadbalancing",
        "targetgroup/own/0123456789abcdef",
    ),
];

/// What is granted for the sake of AWS's services.
const SERVICES: &str = include_str!("services.txt");

/// How SNS could reach an endpoint.
const PROTOCOLS: &[&str] = &[
    "application",
    "email",
    "firehose",
    "http",
    "https",
    "lambda",
    "sms",
    "sqs",
];

/// What attaches policies to roles.
const POLICIES: [&str; 7] = [
    "aws_iam_role_policy.operator",
    "module.containers.aws_iam_role_policy.code",
    "module.containers.aws_iam_role_policy.collector",
    "module.containers.aws_iam_role_policy.execute_command",
    "module.containers.aws_iam_role_policy.execution",
    "module.functions.aws_iam_role_policy.code",
    "module.functions.aws_iam_role_policy.service",
];

/// What IAM knows no resource for.
const WITHOUT_RESOURCE: &[&str] = &[
    "cloudwatch:",
    "ec2:",
    "ecr:GetAuthorizationToken",
    "sns:GetSubscriptionAttributes",
    "sns:Unsubscribe",
    "ssmmessages:",
    "xray:",
];

fn arn(service: &str, name: &str) -> String {
    // The names of buckets are shared by all accounts and regions.
    if service == "s3" {
        return format!("arn:aws:s3:::{name}");
    }
    format!("arn:aws:{service}:us-east-1:123456789012:{name}")
}

/// The policies of each role, as Terraform attaches them.
fn roles() -> &'static BTreeMap<String, Vec<Value>> {
    static ROLES: OnceLock<BTreeMap<String, Vec<Value>>> = OnceLock::new();
    ROLES.get_or_init(|| {
        let moto = Moto::start().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let infra = contacts_tests::cloud::copy_of_infra(copy.path()).unwrap();
        let root = infra.join("roles");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("main.tf"), include_str!("roles.tf")).unwrap();
        let arns: BTreeMap<_, _> = RESOURCES
            .iter()
            .map(|(kind, service, name)| (kind.replace('-', "_"), arn(service, name)))
            .collect();
        let settings = json!({"arns": arns}).to_string();
        fs::write(root.join("terraform.tfvars.json"), settings).unwrap();
        let terraform = |arguments: &[&str]| {
            let done = Command::new("terraform")
                .args(arguments)
                .current_dir(&root)
                .env("TF_IN_AUTOMATION", "1")
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_ENDPOINT_URL", moto.url())
                .env_remove("AWS_PROFILE")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "terraform {arguments:?}: {said}");
            done.stdout
        };
        terraform(&["init", "-input=false", "-no-color"]);
        // Roles and what their policies name; the rest of a target takes minutes, and has other tests.
        let targets = POLICIES.map(|policy| format!("-target={policy}"));
        let mut apply = vec!["apply", "-auto-approve", "-input=false", "-no-color"];
        apply.extend(targets.iter().map(String::as_str));
        terraform(&apply);
        let state: Value = serde_json::from_slice(&terraform(&["show", "-json"])).unwrap();
        attached(&state["values"]["root_module"])
    })
}

/// The policies of the roles that a module and those in it make.
fn attached(module: &Value) -> BTreeMap<String, Vec<Value>> {
    let list = |name: &str| module[name].as_array().into_iter().flatten();
    let mut roles = BTreeMap::<String, Vec<Value>>::new();
    for resource in list("resources").filter(|one| one["type"] == "aws_iam_role_policy") {
        let text = |name: &str| resource["values"][name].as_str().unwrap();
        let role = text("role").strip_prefix("all-").unwrap();
        let policy = serde_json::from_str(text("policy")).unwrap();
        roles.entry(role.to_owned()).or_default().push(policy);
    }
    for (role, policies) in list("child_modules").flat_map(attached) {
        roles.entry(role).or_default().extend(policies);
    }
    roles
}

/// The roles that a program has.
fn of(role: Role) -> Vec<String> {
    match role {
        Role::Operator => vec!["operator".to_owned()],
        role => ["function", "task"]
            .map(|kind| format!("{}-{kind}", role.name()))
            .into(),
    }
}

struct Iam(Script);

impl Iam {
    fn start() -> Self {
        let tools = npm().unwrap();
        let mut node = Command::new("node");
        let (script, _) = Script::start(node.args([script("iam-simulate.mjs"), tools])).unwrap();
        Self(script)
    }

    fn allows(&mut self, policies: &[Value], case: &Case) -> bool {
        let context = match (case.action, case.protocol) {
            ("s3:ListBucket", _) => json!({"s3:prefix": "system/hours/"}),
            (_, Some(protocol)) => json!({"sns:Protocol": protocol}),
            _ => json!({}),
        };
        let answer = self.0.ask(&json!({
            "policies": policies,
            "action": case.action,
            "resource": case.resource,
            "context": context,
        }));
        answer.unwrap_or_else(|error| panic!("{case:?}: {error}")) == "Allowed"
    }
}

/// A question to IAM.
#[derive(Debug)]
struct Case {
    action: &'static str,
    resource: String,
    /// What kind of resource that is, if it is the role's own.
    own: Option<&'static str>,
    /// What a subscription is asked for with.
    protocol: Option<&'static str>,
}

impl Case {
    /// Each action of the list on whatever its service has.
    fn all(lines: &[Line]) -> Vec<Self> {
        let mut all = Vec::new();
        let actions: BTreeSet<_> = lines.iter().map(|line| line.action).collect();
        for action in actions {
            let protocols: Vec<_> = match action {
                "sns:Subscribe" => PROTOCOLS.iter().copied().map(Some).collect(),
                _ => vec![None],
            };
            for (resource, own) in resources(action) {
                all.extend(protocols.iter().map(|protocol| Self {
                    action,
                    resource: resource.clone(),
                    own,
                    protocol: *protocol,
                }));
            }
        }
        all
    }

    /// Whether a program of this role needs a yes.
    fn is_for(&self, role: Role, lines: &[Line]) -> bool {
        lines.iter().any(|line| {
            let (_, part) = line.call.split_once('/').unwrap_or_default();
            line.action == self.action
                && Some(line.on) == self.own
                && line.by.contains(&role)
                && self.protocol.is_none_or(|protocol| protocol == part)
        })
    }
}

/// Each thing that the service of an action has, and beside it one that is not the role's own.
fn resources(action: &str) -> Vec<(String, Option<&'static str>)> {
    if knows_no_resource(action) {
        let own = match action.split(':').next() {
            Some("cloudwatch") => "metrics",
            _ => "subscription",
        };
        return vec![("*".to_owned(), Some(own))];
    }
    let of_service = RESOURCES
        .iter()
        .filter(|one| action.split(':').next() == Some(one.1))
        // IAM knows which of the two an action of S3 is about.
        .filter(|one| match one.0 {
            "bucket" => action == "s3:ListBucket",
            "objects" => action != "s3:ListBucket",
            _ => true,
        });
    of_service
        .flat_map(|(kind, service, name)| {
            let foreign = match *kind {
                "objects" => "own/other/system/file".to_owned(),
                _ => format!("{name}er"),
            };
            [
                (arn(service, name), Some(*kind)),
                (arn(service, &foreign), None),
            ]
        })
        .collect()
}

fn knows_no_resource(action: &str) -> bool {
    WITHOUT_RESOURCE.iter().any(|some| action.starts_with(some))
}

#[test]
fn a_role_may_make_the_calls_of_its_programs_on_its_own_resources_and_no_others() {
    let (mut iam, lines) = (Iam::start(), lines());
    let cases = Case::all(&lines);
    let mut wrong = Vec::new();
    for program in Role::ALL {
        for role in of(program) {
            for case in &cases {
                let may = iam.allows(&roles()[&role], case);
                if may != case.is_for(program, &lines) {
                    wrong.push(format!(
                        "{role} {} {case:?}",
                        if may { "may" } else { "may not" }
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_role_may_do_nothing_that_neither_its_programs_nor_services_do() {
    let words = |value: &Value| -> Vec<String> {
        match value {
            Value::String(one) => vec![one.clone()],
            several => serde_json::from_value(several.clone()).unwrap(),
        }
    };
    let mut granted = BTreeSet::new();
    for (role, policies) in roles() {
        let statements = policies
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap());
        for statement in statements.filter(|statement| statement["Effect"] == "Allow") {
            for action in words(&statement["Action"]) {
                let everything = words(&statement["Resource"]).contains(&"*".to_owned());
                let is_fitting = !everything || knows_no_resource(&action);
                assert!(is_fitting, "{role} may {action} on everything");
                granted.insert((role.clone(), action));
            }
        }
    }
    let called = lines().into_iter().flat_map(|line| {
        let roles = line.by.into_iter().flat_map(of);
        roles.map(move |role| (role, line.action.to_owned()))
    });
    let mut used: BTreeSet<_> = called.collect();
    for line in SERVICES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let [kinds, actions, _why] = line.split("; ").collect::<Vec<_>>()[..] else {
            panic!("services.txt: {line:?} is no line of it");
        };
        let is_meant = |role: &&String| kinds.split(' ').any(|kind| role.ends_with(kind));
        for role in roles().keys().filter(is_meant) {
            let pair = |action: &str| (role.clone(), action.to_owned());
            used.extend(actions.split(' ').map(pair));
        }
    }
    let needless: Vec<_> = granted.difference(&used).collect();
    assert!(
        needless.is_empty(),
        "granted, and nobody uses it: {needless:?}"
    );
    let missing: Vec<_> = used.difference(&granted).collect();
    assert!(missing.is_empty(), "used, and not granted: {missing:?}");
}
