//! The OpenAPI document against the routes that are served, and against what is answered.

use crate::client::send;
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeSet;
use web::api::{BASE, PUBLIC_ROUTES, ROUTES};

fn documented(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = |path: &String, item: &Value| {
        item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| operations(path, item)).collect()
}

#[test]
fn every_route_that_is_served_is_in_the_document_and_nothing_else_is() {
    let document = serde_json::to_value(web::api::document()).unwrap();
    let served = PUBLIC_ROUTES.iter().chain(ROUTES);
    let served: BTreeSet<_> = served.map(|(method, path)| ((*method).to_owned(), format!("{BASE}{path}"))).collect();
    assert_eq!(documented(&document), served);
}

#[test]
fn the_paths_are_these_and_a_change_of_them_is_a_change_of_the_product() {
    let document = serde_json::to_value(web::api::document()).unwrap();
    let listed: Vec<_> =
        documented(&document).into_iter().map(|(method, path)| format!("{} {path}\n", method.to_uppercase())).collect();
    assert_eq!(listed.concat(), include_str!("paths.golden.txt"));
}

#[test]
fn every_operation_is_complete_and_every_reference_leads_somewhere() {
    let document = serde_json::to_value(web::api::document()).unwrap();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{place}: no summary");
            assert!(!operation["tags"].as_array().unwrap().is_empty(), "{place}: no tag");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{place}: no success");
            let failures = responses.iter().filter(|(status, _)| !status.starts_with('2'));
            let mut failed = 0;
            for (status, response) in failures {
                failed += 1;
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{place}: {status}");
            }
            assert!(failed > 0, "{place}: no failure");
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, named, "{place}: parameters of the path");
            if matches!(method.as_str(), "patch") {
                assert!(operation["requestBody"].is_object(), "{place}: no body");
            }
        }
    }
    references(&document, &mut names);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in &names {
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
    assert!(names.len() > 30, "{names:?}");
}

fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                names.insert(name.strip_prefix("#/components/schemas/").unwrap_or(name).to_owned());
            }
            object.values().for_each(|value| references(value, names));
        }
        Value::Array(array) => array.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

#[test]
fn money_needs_a_key_in_the_document_too_and_only_the_public_routes_need_no_token() {
    let document = serde_json::to_value(web::api::document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            let key = parameters
                .iter()
                .any(|parameter| parameter["name"] == "Idempotency-Key" && parameter["required"] == true);
            // Reading how fast it is spent, and which payments there are, moves nothing.
            let moves = (path.contains("/credit") || path.ends_with("/payments")) && method == "post";
            assert_eq!(key, moves, "{method} {path}");
            let public = PUBLIC_ROUTES.iter().any(|(_, known)| format!("{BASE}{known}") == *path);
            assert_eq!(operation.get("security").is_some(), public, "{method} {path}");
        }
    }
    assert_eq!(document["security"][0]["token"], serde_json::json!([]));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

#[test]
fn the_document_is_served_without_a_token() {
    let world = World::new();
    let served = send(world.addr, "GET", "/api/v1/openapi.json", &[], b"").ok(200);
    assert_eq!(served, serde_json::to_value(web::api::document()).unwrap());
    assert!(served["openapi"].as_str().unwrap().starts_with("3."));
}

#[test]
fn every_route_with_a_token_refuses_who_has_none() {
    let world = World::new();
    for (method, path) in ROUTES {
        let path = format!("{BASE}{}", path.replace("{id}", "x").replace("{source}", "x"));
        send(world.addr, &method.to_uppercase(), &path, &[], b"").problem(401, "unauthenticated");
    }
}
