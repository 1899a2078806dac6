"""Who was given which place of a round of questions about change: only ever added."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER change_offer_append_only BEFORE UPDATE OR DELETE ON annotation_changeoffer
    FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""

BACKWARD = "DROP TRIGGER change_offer_append_only ON annotation_changeoffer;"


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0028_usage_sources"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChangeOffer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("offered_at", models.DateTimeField()),
                (
                    "annotator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offers",
                        to="annotation.changeticket",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["annotator", "ticket"], name="change_offer_to")]},
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
