"""What one person sent of late is counted before each write of verdicts."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0005_validations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='validationbatch',
            index=models.Index(fields=['annotator', 'created_at'], name='validation_lately'),
        ),
    ]
