"""Names in a release's credits become rows that go with the account; those that were frozen are moved there."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

#: A name frozen before is somebody's who drew labels of the release and goes by it still; of others only the release's
#: own file has it.
FORWARD = """
INSERT INTO learning_releasedcredit (release_id, person_id, name)
SELECT DISTINCT l.release_id, a.annotator_id, c.credit_name
FROM learning_release r
JOIN learning_releasedlabel l ON l.release_id = r.id
JOIN annotation_annotation a ON a.id = l.annotation_id
JOIN annotation_contributor c ON c.user_id = a.annotator_id AND c.erased_at IS NULL
WHERE r.frozen -> 'credits' ? c.credit_name;

ALTER TABLE learning_release DISABLE TRIGGER release_is_frozen;
UPDATE learning_release
SET frozen = (frozen - 'credits') || jsonb_build_object('credited', jsonb_array_length(frozen -> 'credits'))
WHERE frozen ? 'credits';
ALTER TABLE learning_release ENABLE TRIGGER release_is_frozen;
"""
BACKWARD = """
ALTER TABLE learning_release DISABLE TRIGGER release_is_frozen;
UPDATE learning_release r
SET frozen = (frozen - 'credited') || jsonb_build_object('credits', (
    SELECT coalesce(jsonb_agg(DISTINCT c.name), '[]'::jsonb) FROM learning_releasedcredit c WHERE c.release_id = r.id
))
WHERE frozen ? 'credited';
ALTER TABLE learning_release ENABLE TRIGGER release_is_frozen;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('learning', '0017_released_agreement'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReleasedCredit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credits', to='learning.release')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('release', 'person'), name='credited_once_a_release')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
