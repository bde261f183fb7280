//! The unified APIs' part of the OpenAPI reference, made from the catalog: one operation for each resource and method.

use serde_json::json;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter as Told, ParameterBuilder, ParameterIn, ParameterStyle,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{
    Content, ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, ResponsesBuilder, Schema,
};

use super::query::{EVERYWHERE, OF_LISTS};
use crate::base::limits;
use crate::unify::{Act, Api, CATALOG, Method, Parameter, Resource, Takes, schemas};

/// Adds an operation for each method of the catalog.
pub(in crate::web) fn add(openapi: &mut OpenApi) {
    openapi.components.get_or_insert_default().schemas.extend(schemas().schemas);
    for api in CATALOG {
        for resource in api.resources {
            for method in resource.methods {
                let path = method.path(&api, resource);
                let verb = match method.act.http() {
                    "POST" => HttpMethod::Post,
                    "PATCH" => HttpMethod::Patch,
                    "DELETE" => HttpMethod::Delete,
                    _ => HttpMethod::Get,
                };
                openapi.paths.add_path_operation(path, vec![verb], operation(&api, resource, method));
            }
        }
    }
}

fn operation(api: &Api, resource: &Resource, method: &Method) -> Operation {
    let calls = match method.calls {
        [] => "Makes no call to DocuSign.".to_owned(),
        calls => format!("Calls at DocuSign: `{}`.", calls.join("`, `")),
    };
    let scope = if method.act.only_reads() { "read" } else { "write" };
    OperationBuilder::new()
        .tag(api.name)
        .operation_id(Some(id(api, resource, method)))
        .summary(Some(method.about))
        .description(Some(format!("{calls} Needs the scope `{scope}`.")))
        .parameters(Some(parameters(method)))
        .request_body(body(method))
        .responses(
            ResponsesBuilder::new()
                .response("200", answer(resource, method))
                .response("4XX", problem("Not let in, what cannot be, or what DocuSign refuses"))
                .response("5XX", problem("DocuSign, or the store, cannot answer now"))
                .build(),
        )
        .build()
}

/// Such as `listESignatureTemplates`.
fn id(api: &Api, resource: &Resource, method: &Method) -> String {
    let words = [method.act.word(), api.name, resource.name];
    let mut all = words.iter().flat_map(|text| text.split(['-', '_']));
    let first = all.next().unwrap_or_default().to_owned();
    all.fold(first, |mut id, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        id.push_str(&head.to_uppercase());
        id.push_str(tail);
        id
    })
}

fn parameters(method: &Method) -> Vec<Told> {
    let mut all = Vec::new();
    if method.act.names_one() {
        let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True);
        all.push(id.description(Some("The object's id")).schema(Some(text())).build());
    }
    all.extend(EVERYWHERE.iter().map(|(name, about)| query(name, about, false)));
    if matches!(method.act, Act::List(_)) {
        all.extend(OF_LISTS.iter().map(|(name, about)| query(name, about, false)));
    }
    let own = |Parameter { name, about, required }: &Parameter| query(name, about, *required);
    all.extend(method.parameters.iter().map(own));
    let remote = ParameterBuilder::new()
        .name("remote_query")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(
            "Parameters for DocuSign itself, passed on as they are: `remote_query[name]=value`",
        ))
        .style(Some(ParameterStyle::DeepObject))
        .explode(Some(true))
        .schema(Some(ObjectBuilder::new().additional_properties(Some(text()))));
    all.push(remote.build());
    all
}

fn query(name: &str, about: &str, required: bool) -> Told {
    let required = if required { Required::True } else { Required::False };
    let told = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(required);
    told.description(Some(about)).schema(Some(schema_of(name))).build()
}

/// What the values of a parameter are.
fn schema_of(name: &str) -> RefOr<Schema> {
    let (most, least) = (limits::UNIFY_PAGE_MAX as f64, 1.0);
    match name {
        "limit" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(least))
            .maximum(Some(most))
            .default(Some(json!(limits::UNIFY_PAGE)))
            .into(),
        "truto_ignore_remote_data" | "truto_ignore_limit" => {
            ObjectBuilder::new().schema_type(Type::Boolean).into()
        }
        "truto_response_format" => {
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(super::query::FORMATS)).into()
        }
        "truto_exclude_fields[]" => ArrayBuilder::new().items(text()).into(),
        _ => text(),
    }
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn body(method: &Method) -> Option<RequestBody> {
    let (kind, schema): (_, RefOr<Schema>) = match method.body {
        Takes::Nothing => return None,
        Takes::Json(name) => ("application/json", Ref::from_schema_name(name).into()),
        Takes::File => ("application/octet-stream", bytes()),
    };
    let content = ContentBuilder::new().schema(Some(schema)).build();
    Some(RequestBodyBuilder::new().content(kind, content).required(Some(Required::True)).build())
}

fn bytes() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).content_media_type("application/octet-stream").into()
}

fn answer(resource: &Resource, method: &Method) -> ResponseBuilder {
    let told = ResponseBuilder::new();
    match method.act {
        Act::List(_) => told
            .description("A page of the list")
            .content("application/json", json_of(list(resource)))
            .content("application/x-ndjson", json_of(object(resource))),
        Act::Get(_) | Act::Create(_) | Act::Update(_) => {
            told.description("The object").content("application/json", json_of(object(resource)))
        }
        Act::Delete(_) => {
            let id = ObjectBuilder::new().property("id", text()).required("id");
            told.description("What was deleted").content("application/json", json_of(id.into()))
        }
        Act::Custom("download", _) => {
            told.description("The file, as DocuSign sends it").content("*/*", json_of(bytes()))
        }
        Act::Custom(..) => {
            let result = ObjectBuilder::new().property("result", anything()).required("result");
            let either = AnyOfBuilder::new().item(object(resource)).item(result);
            told.description("What came of it").content("application/json", json_of(either.into()))
        }
    }
}

fn json_of(schema: RefOr<Schema>) -> Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn anything() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
}

/// Whatever object DocuSign tells.
fn any_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
}

/// One object: in our words with DocuSign's beside them; or, in another format or without some of its fields, any.
fn object(resource: &Resource) -> RefOr<Schema> {
    let remote = ObjectBuilder::new().property(
        "remote_data",
        any_object().description(Some(
            "The object as DocuSign told it, where it did and was not asked to be left out",
        )),
    );
    let unified = AllOfBuilder::new().item(Ref::from_schema_name(resource.schema)).item(remote);
    AnyOfBuilder::new().item(unified).item(any_object()).into()
}

fn list(resource: &Resource) -> RefOr<Schema> {
    let result = AnyOfBuilder::new().item(ArrayBuilder::new().items(object(resource))).item(any_object());
    let cursor = |about: &str| {
        let kind = SchemaType::from_iter([Type::String, Type::Null]);
        ObjectBuilder::new().schema_type(kind).description(Some(about))
    };
    ObjectBuilder::new()
        .property("result", result)
        .property("next_cursor", cursor("Where the next page begins; null where there is none"))
        .property("prev_cursor", cursor("Where the page before this one is; null where there is none"))
        .property(
            "result_count",
            ObjectBuilder::new().schema_type(Type::Integer).description(Some("Objects on this page")),
        )
        .property(
            "is_partial_response",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some("True where each object has more to tell when it is got by itself")),
        )
        .required("result")
        .required("next_cursor")
        .required("prev_cursor")
        .required("result_count")
        .into()
}

fn problem(about: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(about)
        .content("application/json", json_of(Ref::from_schema_name("Problem").into()))
}
