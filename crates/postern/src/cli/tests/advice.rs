//! Next steps that can be taken.

use super::*;

/// Advice that can be followed: whoever looked for delegates of a person, or mistyped a domain, is not sent astray.
#[tokio::test]
async fn advice_can_be_followed() {
    let scene = Scene::new().await;
    let _serving = scene.serve();
    let text = scene.text("delegate list admin@example.org").await;
    assert!(text.starts_with("admin@example.org is a person's own mailbox, and nobody else works in it."), "{text}");
    assert!(!text.contains("delegate add"), "{text}");
    scene.text("shared add support@example.org").await;
    let text = scene.text("delegate list support@example.org").await;
    assert_eq!(text, "Nobody works in it yet: postern delegate add support@example.org PERSON\n");

    let mistyped = "exmaple.org is not a domain of this house, which has example.org; if it is to be one: postern domain add \
                    exmaple.org\n";
    for line in ["person add bob@exmaple.org", "shared add help@exmaple.org", "group add team@exmaple.org"] {
        assert_eq!(scene.failure(line).await.0, format!("postern: {mistyped}"), "{line}");
    }

    scene.text("domain add example.net").await;
    for (make, advice) in [
        ("group add team@example.net", "a group: postern group remove team@example.net\n"),
        (
            "shared set support@example.org --add-alias help@example.net",
            "which support@example.org receives too: postern shared set support@example.org --remove-alias help@example.net\n",
        ),
    ] {
        scene.text(make).await;
        let (refusal, _) = scene.failure("domain remove example.net").await;
        let (said, command) = refusal.trim_end().rsplit_once(": postern ").unwrap();
        assert!(said.starts_with("postern: example.net is in use by ") && refusal.ends_with(advice), "{refusal}");
        scene.text(command).await;
    }
    scene.text("domain remove example.net").await;
    let (refusal, _) = scene.failure("domain remove example.org").await;
    assert!(refusal.contains("the address of a person, and people are suspended, not removed"), "{refusal}");
}
